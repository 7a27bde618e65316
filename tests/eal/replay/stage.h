// Where captured flows are played: a worker between the Internet and one node, and for each protocol
// class a port that is held to it, in mode enforce, for every kind of translation and both families.
//
//     Stage stage;
//     const Scene scene = stage.scene(NatKind::full, ProtocolClass::https, Family::ipv4);
//     stage.rig().send(scene.initiator_device, ...)
#pragma once

#include <memory>

#include "tests/eal/worker_rig.h"

namespace portcullis::dataplane::test {

// Who talks to whom. Each play has an initiator of its own, whose address and port nobody has had
// for a long time.
struct Scene {
    policy::NatKind nat = policy::NatKind::full;
    policy::Transport transport = policy::Transport::tcp;
    std::uint16_t initiator_device = kWan;
    IpAddress initiator, target;  // as the initiator sees it
    std::uint16_t initiator_port = 0, target_port = 0;
    std::uint16_t responder_device() const { return initiator_device == kWan ? kDmz : kWan; }
};

inline constexpr policy::NatKind kNatKinds[] = {policy::NatKind::full, policy::NatKind::dnat,
                                                policy::NatKind::none, policy::NatKind::snat};

class Stage {
  public:
    Stage();

    Rig& rig() { return *rig_; }
    Scene scene(policy::NatKind nat, policy::ProtocolClass protocol, Family family);
    // What the play has left: the next one is not to meet it.
    void clear(const Scene& scene);

  private:
    std::unique_ptr<Rig> rig_;
    std::uint32_t scenes_ = 0;
};

}  // namespace portcullis::dataplane::test
