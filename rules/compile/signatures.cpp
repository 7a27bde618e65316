// Pass: the compiled patterns of every class that something is held to.
#include <map>
#include <utility>

#include "rules/compile/passes.h"
#include "rules/compile/text.h"
#include "rules/signatures/compile.h"

namespace portcullis::compile {
namespace {

using policy::ConformanceMode;
using policy::ProtocolClass;
using policy::SignatureDatabase;

class SignaturePass {
  public:
    explicit SignaturePass(Draft& draft) : draft_(draft) {}

    void run() {
        for (auto& service : draft_.policy.conformance) {
            // The operator's own patterns are compiled even where they are off: they have the name of
            // their class with them, and what is wrong in them is found before they are needed.
            if (service.protocol == ProtocolClass::custom)
                service.database = custom(draft_.custom_classes.at(service.name));
            else if (service.mode != ConformanceMode::off &&
                     service.protocol != ProtocolClass::none)
                service.database = built_in(service.protocol);
        }
    }

  private:
    std::uint32_t built_in(ProtocolClass protocol) {
        const auto [place, fresh] = built_in_.emplace(protocol, policy::kNoDatabase);
        if (!fresh) return place->second;
        auto made = signatures::compile(protocol);
        if (!made)
            error({},
                  concat("signatures of class ", policy::to_string(protocol), ": ", made.error()),
                  "switch the services of this class off (conformance.services) to do without");
        else
            place->second = add(std::move(*made));
        return place->second;
    }

    std::uint32_t custom(std::size_t index) {
        const auto [place, fresh] = custom_.emplace(index, policy::kNoDatabase);
        if (!fresh) return place->second;
        const auto& given = draft_.topology.conformance.classes.at(index);
        const auto path = concat("conformance.classes.", given.name);
        if (draft_.pattern_compiler == nullptr) {
            error(given.where, concat(path, ": patterns of one's own are not compiled here"),
                  "remove the class");
            return policy::kNoDatabase;
        }
        auto made = draft_.pattern_compiler->compile(given.name, given.patterns);
        if (!made) {
            const auto& wrong = made.error();
            const bool all = wrong.pattern >= given.pattern_places.size();
            error(all ? given.where : given.pattern_places[wrong.pattern],
                  concat(path, ": ", wrong.message), wrong.hint);
        } else if (made->serialised.size() > policy::kMaxDatabaseBytes) {
            error(given.where,
                  concat(path, ": its patterns need ", std::to_string(made->serialised.size()),
                         " bytes when compiled, ", std::to_string(policy::kMaxDatabaseBytes),
                         " at most fit"),
                  "write fewer or simpler patterns");
        } else {
            place->second = add(std::move(*made));
        }
        return place->second;
    }

    std::uint32_t add(SignatureDatabase database) {
        draft_.policy.databases.push_back(std::move(database));
        return static_cast<std::uint32_t>(draft_.policy.databases.size() - 1);
    }
    void error(topology::Location where, std::string message, std::string hint) {
        draft_.errors.push_back(
            {std::string(draft_.file_name), where, std::move(message), std::move(hint)});
    }

    Draft& draft_;
    std::map<ProtocolClass, std::uint32_t> built_in_;
    std::map<std::size_t, std::uint32_t> custom_;
};

}  // namespace

void add_signatures(Draft& draft) {
    SignaturePass(draft).run();
}

}  // namespace portcullis::compile
