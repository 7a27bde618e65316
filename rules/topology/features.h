// The feature switches of SEMANTICS.md. A feature that is off leaves no rule behind.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string_view>

namespace portcullis::topology {

enum class Feature : std::uint8_t {
    federation,
    hosted_exchange,
    xmpp,
    ocs2007_federation,
    ocs2007r2_federation,
    lync2010_federation,
    lync2013_federation,
    wlm,
    multi_edge_pool,
    cls_logging,
    mobility_http,
    rp_http_redirect,
    web_conferencing,
    director,
    mobility,
    dial_in,
    mediation,
    persistent_chat,
    office_web_apps,
    call_park,
    response_group,
    e911,
    cac,
    rcc,
};
inline constexpr unsigned kFeatureCount = 24;

class FeatureSet {
  public:
    bool has(Feature feature) const { return bits_[static_cast<unsigned>(feature)]; }
    void set(Feature feature, bool on) { bits_[static_cast<unsigned>(feature)] = on; }
    bool intersects(const FeatureSet& other) const { return (bits_ & other.bits_).any(); }
    bool empty() const { return bits_.none(); }
    // All features but xmpp, ocs2007-federation, wlm and rcc.
    static FeatureSet defaults();
    friend bool operator==(const FeatureSet&, const FeatureSet&) = default;
    friend bool operator<(const FeatureSet& a, const FeatureSet& b) {
        return a.bits_.to_ulong() < b.bits_.to_ulong();
    }

  private:
    std::bitset<kFeatureCount> bits_;
};

std::string_view to_string(Feature feature);  // "lync2010-federation"
std::optional<Feature> parse_feature(std::string_view text);

}  // namespace portcullis::topology
