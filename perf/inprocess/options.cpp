#include "perf/inprocess/options.h"

#include <boost/program_options.hpp>
#include <charconv>
#include <map>
#include <sstream>

namespace portcullis::perf {

namespace po = boost::program_options;

namespace {

constexpr std::uint32_t kMostPcapFlows = 65536;

template <class T>
bool choose(const std::map<std::string, T>& choices, const std::string& name,
            const std::string& text, T& out, std::string& problem) {
    const auto found = choices.find(text);
    if (found != choices.end()) {
        out = found->second;
        return true;
    }
    problem = "--" + name + "=" + text + " is none of:";
    for (const auto& [choice, value] : choices) problem += " " + choice;
    return false;
}

bool numbers(const std::string& name, const std::string& text, std::vector<unsigned>& out,
             std::string& problem) {
    out.clear();
    std::istringstream parts(text);
    for (std::string part; std::getline(parts, part, ',');) {
        unsigned value = 0;
        const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
        if (error != std::errc{} || end != part.data() + part.size()) {
            problem = "--" + name + "=" + text + ": `" + part + "` is no number";
            return false;
        }
        out.push_back(value);
    }
    if (out.empty()) problem = "--" + name + " needs at least one number";
    return !out.empty();
}

std::string check(const Options& options) {
    if (options.sessions == 0 || options.sessions > 8'000'000)
        return "--sessions must lie between 1 and 8000000";
    if (options.source == Source::pcap && options.sessions > kMostPcapFlows)
        return "--source=pcap holds its packets in memory: at most 65536 sessions; use callback";
    if (options.source == Source::pcap && options.workers > 1)
        return "--source=pcap feeds one worker; use callback";
    if (options.source == Source::pcap && options.load != Load::steady)
        return "--source=pcap repeats its packets: only --load=steady; use callback";
    if (options.workers == 0 || options.workers != options.cores.size())
        return "--cores must name one core for each of --workers";
    if (options.nat == policy::NatKind::snat)
        return "--nat must be none, dnat or full: snat translates as full does";
    if (options.transport == policy::Transport::tcp && options.load != Load::steady)
        return "--transport=tcp goes with --load=steady only";
    for (const unsigned size : options.sizes)
        if (size < 60 || size > 9000) return "--size: frames of 60 to 9000 bytes";
    if (options.rounds == 0 || options.chunks == 0 || options.polls == 0)
        return "--rounds, --chunks and --polls must be positive";
    return {};
}

}  // namespace

tl::expected<Options, std::string> read_options(int argc, char** argv) {
    Options options;
    std::string source = "callback", load = "steady", nat = "full", family = "4", transport = "udp",
                size = "64", cores = "1";
    po::options_description known(
        "inprocess: one worker loop over devices inside this process, and macswap over the same "
        "devices");
    auto add = known.add_options();
    add("help", "this text");
    add("source", po::value(&source), "callback, pcap: where packets come from");
    add("load", po::value(&load), "steady, new, deny, mixed");
    add("nat", po::value(&nat), "none, dnat (A/V), full");
    add("family", po::value(&family), "4, 6");
    add("transport", po::value(&transport), "udp, tcp");
    add("sessions", po::value(&options.sessions), "established before anything is measured");
    add("size", po::value(&size), "bytes of a frame without FCS; three, by commas: IMIX 7:4:1");
    add("rules", po::value(&options.rules), "in the policy");
    add("workers", po::value(&options.workers), "threads");
    add("cores", po::value(&cores), "one a worker, by commas");
    add("main-core", po::value(&options.main_core), "");
    add("scattered", po::bool_switch(&options.scattered),
        "packets arrive at any worker, not at the one that owns them");
    add("rounds", po::value(&options.rounds), "each measures the floor, then the worker");
    bool no_floor = false;
    add("no-floor", po::bool_switch(&no_floor), "the worker alone, for a profiler; floors are 0");
    add("chunks", po::value(&options.chunks), "a round's figure is the median of so many chunks");
    add("polls", po::value(&options.polls), "poll rounds in a chunk");
    bool no_huge = false;
    add("no-huge", po::bool_switch(&no_huge), "ordinary pages");
    add("memory-mib", po::value(&options.memory_mib), "for DPDK");
    add("pcap-dir", po::value(&options.pcap_directory), "where --source=pcap writes its file");
    po::variables_map given;
    try {
        po::store(po::command_line_parser(argc, argv).options(known).run(), given);
        po::notify(given);
    } catch (const po::error& error) {
        return tl::unexpected(std::string(error.what()) + " (--help lists the options)");
    }
    if (given.contains("help")) {
        std::ostringstream text;
        text << known;
        return tl::unexpected(text.str());
    }
    options.huge = !no_huge;
    options.floor = !no_floor;
    using policy::NatKind, policy::Transport, policy::Family;
    std::string problem;
    const bool good =
        choose<Source>({{"callback", Source::callback}, {"pcap", Source::pcap}}, "source", source,
                       options.source, problem) &&
        choose<Load>({{"steady", Load::steady},
                      {"new", Load::new_session},
                      {"deny", Load::deny},
                      {"mixed", Load::mixed}},
                     "load", load, options.load, problem) &&
        choose<NatKind>({{"none", NatKind::none}, {"dnat", NatKind::dnat}, {"full", NatKind::full}},
                        "nat", nat, options.nat, problem) &&
        choose<Family>({{"4", Family::ipv4}, {"6", Family::ipv6}}, "family", family, options.family,
                       problem) &&
        choose<Transport>({{"udp", Transport::udp}, {"tcp", Transport::tcp}}, "transport",
                          transport, options.transport, problem) &&
        numbers("size", size, options.sizes, problem) &&
        numbers("cores", cores, options.cores, problem);
    if (good) problem = check(options);
    if (!problem.empty()) return tl::unexpected(problem);
    return options;
}

}  // namespace portcullis::perf
