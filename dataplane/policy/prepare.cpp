#include "dataplane/policy/prepare.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "dataplane/file_descriptor.h"

namespace portcullis::dataplane {
namespace {

tl::unexpected<std::string> refuse(std::string why) {
    return tl::unexpected(std::move(why));
}

OrSentence<ImageBytes> read_all(int fd) {
    struct stat status {};
    if (fstat(fd, &status) != 0)
        return refuse(std::string("it cannot be read: ") + strerror(errno));
    const auto size = static_cast<std::uint64_t>(status.st_size);
    if (!S_ISREG(status.st_mode)) return refuse("it is not a regular file");
    if (size > policy::kMaxImageBytes)
        return refuse("it has " + std::to_string(size) + " bytes, more than an image may have (" +
                      std::to_string(policy::kMaxImageBytes) + ")");
    ImageBytes bytes(size);
    for (std::size_t done = 0; done < size;) {
        const ssize_t got = pread(fd, bytes.data() + done, size - done, static_cast<off_t>(done));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return refuse("it ends before its size");
        done += static_cast<std::size_t>(got);
    }
    return bytes;
}

std::string describe(const policy::Policy& policy, const policy::Witness& witness) {
    return std::string(policy::to_string(witness.transport)) + " " + witness.source.to_string() +
           " port " + std::to_string(witness.source_port) + " to " +
           witness.destination.to_string() + " port " + std::to_string(witness.destination_port) +
           " on " + policy.interfaces[witness.interface].name;
}

std::string describe(const policy::Policy& policy, bool allow, std::uint32_t rule) {
    std::string text = allow ? "allowed by " : "denied by ";
    return text.append(rule == policy::kNoRule ? "no rule" : "rule " + policy.rules[rule].id);
}

std::optional<std::string> check_mtus(const policy::Policy& policy, const PolicyTarget& target) {
    for (const policy::Interface& interface : policy.interfaces)
        for (std::size_t i = 0; i < target.devices.size(); ++i)
            if (interface.device == target.devices[i] && interface.mtu > target.mtus[i])
                return "interface " + interface.name + " wants MTU " +
                       std::to_string(interface.mtu) + " and device " + interface.device +
                       " is set up for " + std::to_string(target.mtus[i]) +
                       ": raise `mtu` in dataplane.conf or lower it in the topology";
    return std::nullopt;
}

}  // namespace

OrSentence<ImageBytes> read_sealed(int fd, std::uint64_t announced_bytes) {
    constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
    const int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0) return refuse("the image is not in a memfd");
    if ((seals & kSeals) != kSeals)
        return refuse("the image's memfd is not sealed against every change");
    auto bytes = read_all(fd);
    if (!bytes) return refuse("the image: " + bytes.error());
    if (bytes->size() != announced_bytes)
        return refuse("the image has " + std::to_string(bytes->size()) + " bytes and " +
                      std::to_string(announced_bytes) + " were announced");
    return bytes;
}

OrSentence<std::optional<ImageBytes>> read_image_file(const std::string& path) {
    const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    if (!file && errno == ENOENT) return std::nullopt;
    if (!file) return refuse(path + ": " + strerror(errno));
    auto bytes = read_all(file.get());
    if (!bytes) return refuse(path + ": " + bytes.error());
    return std::move(*bytes);
}

std::optional<std::string> replay_witnesses(const RuntimePolicy& runtime) {
    const policy::Policy& policy = runtime.policy();
    const auto& witnesses = policy.witnesses;
    constexpr std::size_t kTogether = 64;
    FlowKey keys[kTogether];
    Judgement judged[kTogether];
    for (std::size_t first = 0; first < witnesses.size(); first += kTogether) {
        const std::size_t count = std::min(kTogether, witnesses.size() - first);
        for (std::size_t i = 0; i < count; ++i) {
            const policy::Witness& witness = witnesses[first + i];
            keys[i].source = witness.source;
            keys[i].destination = witness.destination;
            keys[i].source_port = witness.source_port;
            keys[i].destination_port = witness.destination_port;
            keys[i].interface = static_cast<std::uint16_t>(witness.interface);
            keys[i].protocol = static_cast<std::uint8_t>(witness.transport);
        }
        runtime.judge(keys, static_cast<unsigned>(count), ~std::uint64_t{0}, judged);
        for (std::size_t i = 0; i < count; ++i) {
            const policy::Witness& witness = witnesses[first + i];
            if (judged[i].allow == witness.allow && judged[i].rule == witness.rule) continue;
            return "witness " + std::to_string(first + i) + " (" + describe(policy, witness) +
                   ") is to be " + describe(policy, witness.allow, witness.rule) + " and was " +
                   describe(policy, judged[i].allow, judged[i].rule) +
                   (judged[i].allow ? "" : " (" + std::string(to_string(judged[i].reason)) + ")");
        }
    }
    return std::nullopt;
}

OrSentence<std::unique_ptr<ActivePolicy>> prepare(const ImageBytes& bytes,
                                                  const std::optional<policy::ImageHash>& meant,
                                                  std::uint32_t generation,
                                                  const RuntimePolicy* previous,
                                                  const PolicyTarget& target) {
    auto policy = policy::read_image(bytes);
    if (!policy) return refuse("the image is not sound: " + policy.error().message);
    const policy::ImageHash hash = policy::image_hash(bytes);
    if (meant && *meant != hash)
        return refuse("the image is " + policy::to_string(hash) + " and " +
                      policy::to_string(*meant) + " was announced");
    if (auto problem = check_mtus(*policy, target)) return refuse(std::move(*problem));
    auto runtime = RuntimePolicy::build(std::move(*policy), hash, generation, target.devices,
                                        previous, target.rendezvous_key);
    if (!runtime) return refuse(std::move(runtime.error()));
    if (auto problem = replay_witnesses(**runtime)) return refuse(std::move(*problem));
    return ActivePolicy::make(std::move(*runtime), target.sessions, target.workers);
}

}  // namespace portcullis::dataplane
