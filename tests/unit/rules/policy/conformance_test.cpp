#include "rules/policy/conformance.h"

#include <gtest/gtest.h>

namespace portcullis::policy {
namespace {

TEST(Conformance, ClassesAreReadAsTheyAreWritten) {
    for (unsigned i = 0; i < kProtocolClassCount; ++i) {
        const auto protocol = static_cast<ProtocolClass>(i);
        EXPECT_FALSE(to_string(protocol).empty());
        EXPECT_EQ(parse_protocol_class(to_string(protocol)), protocol);
    }
    EXPECT_EQ(parse_protocol_class("sip_tls"), std::nullopt);
    EXPECT_EQ(parse_protocol_class(""), std::nullopt);
}

TEST(Conformance, OnlyPublicWireFormatsMayBeEnforced) {
    std::vector<std::string_view> watched;
    for (unsigned i = 0; i < kProtocolClassCount; ++i)
        if (!may_be_enforced(static_cast<ProtocolClass>(i)))
            watched.push_back(to_string(static_cast<ProtocolClass>(i)));
    EXPECT_EQ(watched,
              (std::vector<std::string_view>{"none", "xmpp-gateway", "logging", "sba-https"}));
}

TEST(Conformance, PublishedNames) {
    const std::string label63(63, 'a');
    const std::string longest = label63 + "." + label63 + "." + label63 + "." + label63.substr(2);
    ASSERT_EQ(longest.size(), 253U);
    for (const std::string& name :
         {std::string("sip.example.com"), std::string("*.example.com"), std::string("localhost"),
          std::string("xn--bcher-kva.example"), std::string("_sip.a-b.example"),
          std::string("3com.example"), std::string("1.2.3.example"), label63 + ".example", longest})
        EXPECT_TRUE(is_published_name(name)) << name;
    for (const std::string& name : {std::string(),
                                    std::string("."),
                                    std::string("*"),
                                    std::string("*."),
                                    std::string("*.*.example.com"),
                                    std::string("a.*.com"),
                                    std::string("w*.example.com"),
                                    std::string("Sip.example.com"),
                                    std::string("sip.example.com."),
                                    std::string("sip..example.com"),
                                    std::string(".example.com"),
                                    std::string("-a.example.com"),
                                    std::string("a-.example.com"),
                                    std::string("a b.example"),
                                    std::string("b\xc3\xbc.example"),
                                    std::string("192.0.2.1"),
                                    std::string("2001:db8::1"),
                                    std::string("*.10"),
                                    label63 + "a.example",
                                    longest + "a",
                                    "a." + longest,
                                    std::string("a\0.example", 10)})
        EXPECT_FALSE(is_published_name(name)) << name;
}

}  // namespace
}  // namespace portcullis::policy
