#include "rules/compile/flow.h"

#include <gtest/gtest.h>

namespace portcullis::compile {
namespace {

using policy::PortRange;
using policy::Transport;

constexpr PortRange kAny{};

Flow flow(Side from, Side to, Transport transport, PortRange ports, PortRange source_ports = kAny) {
    return {from, to, transport, source_ports, ports};
}

// SEMANTICS, "Service settings".
TEST(Flow, IdleTimesByService) {
    topology::ServiceSettings settings;
    settings.access_idle = 1;
    settings.web_conferencing_idle = 2;
    settings.av_tcp_idle = 3;
    settings.av_udp_idle = 4;
    settings.av_direct_idle = 5;
    settings.internal_sip_idle = 6;
    settings.internal_av_udp_idle = 7;
    settings.internal_av_tcp_idle = 8;
    settings.reverse_proxy_idle = 9;
    settings.tcp_idle = 10;
    settings.udp_idle = 11;
    settings.dns_idle = 12;
    const auto idle = [&](Side from, Side to, Transport transport, PortRange ports,
                          PortRange source_ports = kAny) {
        return idle_seconds(settings, flow(from, to, transport, ports, source_ports));
    };
    const auto tcp = Transport::tcp;
    const auto udp = Transport::udp;
    const auto out = Side::elsewhere;
    EXPECT_EQ(idle(out, Side::access, tcp, {443, 443}), 1U);
    EXPECT_EQ(idle(Side::access, out, tcp, {5061, 5061}), 1U);
    EXPECT_EQ(idle(Side::access, out, tcp, {80, 80}), 10U);
    EXPECT_EQ(idle(Side::access, out, udp, {53, 53}), 12U);
    EXPECT_EQ(idle(out, Side::web_conferencing, tcp, {443, 443}), 2U);
    EXPECT_EQ(idle(out, Side::av, tcp, {443, 443}), 3U);
    EXPECT_EQ(idle(out, Side::av, udp, {3478, 3478}), 4U);
    EXPECT_EQ(idle(out, Side::av, tcp, {50000, 59999}), 5U);
    EXPECT_EQ(idle(Side::av, out, udp, kAny, {50000, 59999}), 5U);
    EXPECT_EQ(idle(out, Side::internal, tcp, {5062, 5062}), 6U);
    EXPECT_EQ(idle(out, Side::internal, udp, {3478, 3478}), 7U);
    EXPECT_EQ(idle(out, Side::internal, tcp, {443, 443}), 8U);
    EXPECT_EQ(idle(out, Side::reverse_proxy, tcp, {443, 443}), 9U);
    EXPECT_EQ(idle(out, Side::internal, tcp, {8057, 8057}), 10U);
    EXPECT_EQ(idle(Side::internal, out, tcp, {5061, 5061}), 10U);
    EXPECT_EQ(idle(out, out, udp, {1434, 1434}), 11U);
}

// Decision 9: the ports that a client may use through a VIP and directly at once.
TEST(Flow, RepliesFollowTheirRequestsPathOnMediaPorts) {
    const auto out = Side::elsewhere;
    for (const auto side : {Side::av, Side::internal}) {
        EXPECT_TRUE(is_av_path(flow(out, side, Transport::udp, {3478, 3478})));
        EXPECT_TRUE(is_av_path(flow(out, side, Transport::tcp, {443, 443})));
        EXPECT_FALSE(is_av_path(flow(out, side, Transport::tcp, {3478, 3478})));
        EXPECT_FALSE(is_av_path(flow(out, side, Transport::tcp, {50000, 59999})));
    }
    EXPECT_FALSE(is_av_path(flow(out, Side::access, Transport::tcp, {443, 443})));
    EXPECT_FALSE(is_av_path(flow(out, Side::reverse_proxy, Transport::tcp, {443, 443})));
    EXPECT_FALSE(is_av_path(flow(Side::av, out, Transport::tcp, {443, 443})));
    EXPECT_FALSE(is_av_path(flow(Side::av, Side::av, Transport::tcp, {443, 443})));
}

}  // namespace
}  // namespace portcullis::compile
