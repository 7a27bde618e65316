#include "dataplane/config.h"

#include <algorithm>
#include <boost/program_options.hpp>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <sstream>

#include "dataplane/packet.h"

namespace portcullis::dataplane {
namespace {

namespace po = boost::program_options;

// Boost parses and converts the values, one line at a time, so that every message has its line.
class Reader {
  public:
    Reader(std::istream& text, const std::string& file_name) : text_(text), file_(file_name) {}

    tl::expected<Config, ConfigErrors> read(const std::vector<unsigned>& usable_cores) {
        std::string line;
        while (std::getline(text_, line)) {
            ++line_;
            take_line(line);
        }
        check_devices();
        check_inspection();
        place_threads(usable_cores);
        if (!errors_.empty()) return tl::unexpected(std::move(errors_));
        return std::move(config_);
    }

  private:
    void error_at(unsigned line, const std::string& what) {
        errors_.push_back(file_ + ":" + std::to_string(line) + ": " + what);
    }
    void error(const std::string& what) { error_at(line_, what); }

    static std::string trim(const std::string& text) {
        const auto first = text.find_first_not_of(" \t\r");
        if (first == std::string::npos) return {};
        return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
    }

    void take_line(const std::string& raw) {
        const std::string line = trim(raw.substr(0, raw.find('#')));
        if (line.empty()) return;
        if (line.front() == '[') {
            open_section(line);
            return;
        }
        const auto equals = line.find('=');
        if (equals == std::string::npos) {
            error("expected `key = value`, found `" + line + "`");
            return;
        }
        if (skip_section_) return;
        const std::string key = trim(line.substr(0, equals));
        const std::string where = device_ ? "device." + config_.devices[*device_].name + "." : "";
        const auto [first, fresh] = seen_.emplace(where + key, line_);
        if (!fresh) {
            error("`" + key + "` is set already in line " + std::to_string(first->second));
            return;
        }
        take_value(key, trim(line.substr(equals + 1)));
    }

    void open_section(const std::string& line) {
        static const std::string kPrefix = "[device.";
        skip_section_ = true;
        device_.reset();
        if (!line.starts_with(kPrefix) || line.back() != ']' || line.size() <= kPrefix.size() + 1) {
            error("unknown section `" + line + "`; the only kind is [device.NAME]");
            return;
        }
        const std::string name =
            trim(line.substr(kPrefix.size(), line.size() - kPrefix.size() - 1));
        const auto [first, fresh] = seen_.emplace("[" + name, line_);
        if (!fresh) {
            error("device `" + name + "` is there already in line " +
                  std::to_string(first->second));
            return;
        }
        if (config_.devices.size() == kMaxDevices) {
            error("more than " + std::to_string(kMaxDevices) + " devices");
            return;
        }
        skip_section_ = false;
        device_ = config_.devices.size();
        config_.devices.emplace_back().name = name;
    }

    void take_value(const std::string& key, const std::string& value) {
        po::options_description keys;
        if (device_)
            add_device_keys(keys, config_.devices[*device_]);
        else
            add_keys(keys);
        const po::option_description* known = keys.find_nothrow(key, false);
        if (known == nullptr) {
            error("unknown key `" + key + "`; " + (device_ ? "a device has: " : "there are: ") +
                  names(keys));
            return;
        }
        if (value.empty()) {
            error("`" + key + "` has no value");
            return;
        }
        try {
            std::istringstream one(key + " = " + value + "\n");
            po::variables_map map;
            po::store(po::parse_config_file(one, keys), map);
            po::notify(map);
        } catch (const po::error&) {
            error("`" + key + " = " + value + "` is no number that fits");
        } catch (const std::string& problem) {  // from the notifiers below
            error("`" + key + " = " + value + "`: " + problem);
        }
    }

    static std::string names(const po::options_description& keys) {
        std::string list;
        for (const auto& option : keys.options()) {
            if (!list.empty()) list += ", ";
            list += option->long_name();
        }
        return list;
    }

    template <class Number>
    static auto number(Number& to, std::int64_t least, std::int64_t most, std::int64_t unit = 1) {
        return po::value<std::int64_t>()->notifier([&to, least, most, unit](std::int64_t value) {
            if (value < least || value > most)
                throw std::string("must be ") + std::to_string(least) + " to " +
                    std::to_string(most);
            to = static_cast<Number>(value * unit);
        });
    }
    static auto choice(std::vector<std::string> options, std::function<void(std::size_t)> take) {
        return po::value<std::string>()->notifier(
            [options = std::move(options), take = std::move(take)](const std::string& value) {
                const auto found = std::ranges::find(options, value);
                if (found != options.end())
                    return take(static_cast<std::size_t>(found - options.begin()));
                std::string list;
                for (const auto& option : options) {
                    if (!list.empty()) list += ", ";
                    list += option;
                }
                throw "must be one of: " + list;
            });
    }
    static auto absolute_path(std::string& to) {
        return po::value<std::string>()->notifier([&to](const std::string& value) {
            if (value.front() != '/') throw std::string("must be an absolute path");
            to = value;
        });
    }

    void add_keys(po::options_description& keys) {
        static const std::vector<std::string> kLevels = {"trace", "debug",    "info", "warning",
                                                         "error", "critical", "off"};
        keys.add_options()("workers", number(config_.workers, 1, 32))(
            "main-core", number(config_.main_core, 0, 1023))(
            "cores", po::value<std::string>()->notifier([this](const std::string& value) {
                take_cores(value);
            }))("idle",
                choice({"spin", "sleep"}, [this](std::size_t i) { config_.idle_sleep = i == 1; }))(
            "sessions", number(config_.sessions, 1024, std::int64_t{1} << 28))(
            "memory-mib", number(config_.memory_mib, 64, std::int64_t{1} << 20))(
            "huge", choice({"on", "off"}, [this](std::size_t i) { config_.huge = i == 0; }))(
            "peer-socket", absolute_path(config_.peer_socket))(
            "image", absolute_path(config_.image))("state-dir", absolute_path(config_.state_dir))(
            "user", po::value<std::string>(&config_.user))(
            "control-user", po::value<std::string>(&config_.control_user))(
            "log-level",
            choice(kLevels, [this](std::size_t i) { config_.log_level = kLevels[i]; }));
#define X(member, key, unit, least, most) \
    keys.add_options()(key, number(config_.inspection.member, least, most, unit));
        PORTCULLIS_INSPECT_SETTINGS(X)
#undef X
    }

    static void add_device_keys(po::options_description& keys, nic::DeviceConfig& device) {
        keys.add_options()("pci", po::value<std::string>(&device.pci))(
            "vdev", po::value<std::string>(&device.vdev))("mtu", number(device.mtu, 68, 9216))(
            "rx-descriptors", number(device.rx_descriptors, 64, 32768))(
            "tx-descriptors", number(device.tx_descriptors, 64, 32768));
    }

    // "1,2,5-7"
    void take_cores(const std::string& value) {
        std::istringstream parts(value);
        for (std::string part; std::getline(parts, part, ',');) {
            part = trim(part);
            const auto dash = part.find('-');
            const auto first = core_number(part.substr(0, dash));
            const auto last =
                dash == std::string::npos ? first : core_number(part.substr(dash + 1));
            if (!first || !last || *last < *first)
                throw std::string("must be core numbers and ranges, e.g. 1,2,5-7");
            for (unsigned core = *first; core <= *last; ++core) config_.cores.push_back(core);
        }
    }
    static std::optional<unsigned> core_number(const std::string& text) {
        unsigned core = 0;
        const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), core);
        if (bad != std::errc{} || end != text.data() + text.size() || core > 1023)
            return std::nullopt;
        return core;
    }

    void check_devices() {
        if (config_.devices.empty())
            error_at(std::max(line_, 1U), "no device: add a section [device.NAME] for each");
        std::map<std::string, std::string> used;
        for (const nic::DeviceConfig& device : config_.devices) {
            const unsigned line = seen_.at("[" + device.name);
            if (device.pci.empty() == device.vdev.empty()) {
                error_at(line, "device `" + device.name + "` needs either `pci` or `vdev`");
                continue;
            }
            const std::string what =
                device.pci.empty() ? device.vdev.substr(0, device.vdev.find(',')) : device.pci;
            const auto [other, fresh] = used.emplace(what, device.name);
            if (!fresh)
                error_at(line, "devices `" + other->second + "` and `" + device.name +
                                   "` are both " + what);
            if (!device.pci.empty() && !config_.huge)
                error_at(line,
                         "device `" + device.name + "` is a PCI device, which needs `huge = on`");
        }
    }

    // The line that sets `key`, else the last one.
    unsigned line_of(const std::string& key) const {
        const auto found = seen_.find(key);
        return found == seen_.end() ? std::max(line_, 1U) : found->second;
    }

    // A share of one source that is more than everything would be no limit.
    void check_inspection() {
        const auto check = [this](const std::string& share, std::uint32_t most,
                                  const std::string& all, std::uint32_t there_are) {
            if (most <= there_are) return;
            error_at(line_of(seen_.contains(share) ? share : all),
                     "`" + share + "` (" + std::to_string(most) + ") is more than `" + all + "` (" +
                         std::to_string(there_are) +
                         "), so one source could take them all: lower it, or raise `" + all + "`");
        };
        const inspect::Limits& limits = config_.inspection;
        check("inspect-per-source", limits.per_source, "inspect-records", limits.records);
        check("inspect-buffers-per-source", limits.buffers_per_source, "inspect-buffers",
              limits.medium);
    }

    void place_threads(const std::vector<unsigned>& usable) {
        if (!config_.cores.empty() && !seen_.contains("workers"))
            config_.workers = static_cast<unsigned>(config_.cores.size());
        if (!seen_.contains("main-core") && !usable.empty()) config_.main_core = usable.front();
        if (config_.cores.empty()) {
            std::vector<unsigned> others = usable;
            std::erase(others, config_.main_core);
            if (others.empty()) others = {config_.main_core};
            for (unsigned i = 0; i < config_.workers; ++i)
                config_.cores.push_back(others[i % others.size()]);
        }
        if (config_.cores.size() != config_.workers) {
            error_at(line_of("cores"), "`cores` names " + std::to_string(config_.cores.size()) +
                                           " cores for " + std::to_string(config_.workers) +
                                           " workers");
            return;
        }
        if (config_.idle_sleep) return;
        std::set<unsigned> taken = {config_.main_core};
        for (const unsigned core : config_.cores)
            if (!taken.insert(core).second) {
                error_at(line_of("cores"),
                         "core " + std::to_string(core) +
                             " would carry two threads that spin: name more `cores`, lower "
                             "`workers`, or set `idle = sleep`");
                return;
            }
    }

    std::istream& text_;
    const std::string& file_;
    unsigned line_ = 0;
    Config config_;
    ConfigErrors errors_;
    std::map<std::string, unsigned> seen_;  // key -> line
    std::optional<std::size_t> device_;     // the section we are in
    bool skip_section_ = false;             // it was refused: its keys are not judged
};

}  // namespace

tl::expected<Config, ConfigErrors> read_config(std::istream& text, const std::string& file_name,
                                               const std::vector<unsigned>& usable_cores) {
    return Reader(text, file_name).read(usable_cores);
}

}  // namespace portcullis::dataplane
