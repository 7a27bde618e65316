#include "tests/unit/rules/inspect/patterns.h"

#include <gtest/gtest.h>
#include <hs/hs.h>

namespace portcullis::inspect {

policy::SignatureDatabase compile_patterns(const std::string& name, std::uint32_t width,
                                           const std::vector<TestPattern>& patterns) {
    std::vector<const char*> texts;
    std::vector<unsigned> flags;
    std::vector<unsigned> ids;
    policy::SignatureDatabase made;
    made.name = name;
    made.width = width;
    for (unsigned i = 0; i < patterns.size(); ++i) {
        texts.push_back(patterns[i].whole.c_str());
        ids.push_back(2 * i);
        if (patterns[i].twin.empty()) {
            made.twins = false;
        } else {
            texts.push_back(patterns[i].twin.c_str());
            ids.push_back(2 * i + 1);
        }
    }
    flags.assign(texts.size(), HS_FLAG_DOTALL | HS_FLAG_SINGLEMATCH);
    hs_database_t* database = nullptr;
    hs_compile_error_t* error = nullptr;
    EXPECT_EQ(hs_compile_multi(texts.data(), flags.data(), ids.data(),
                               static_cast<unsigned>(texts.size()), HS_MODE_BLOCK, nullptr,
                               &database, &error),
              HS_SUCCESS)
        << (error == nullptr ? "" : error->message);
    char* bytes = nullptr;
    std::size_t size = 0;
    EXPECT_EQ(hs_serialize_database(database, &bytes, &size), HS_SUCCESS);
    made.serialised.assign(bytes, bytes + size);
    ::free(bytes);
    hs_free_database(database);
    return made;
}

}  // namespace portcullis::inspect
