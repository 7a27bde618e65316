#include "control/daemon_options.h"

#include <spdlog/common.h>

#include <boost/program_options.hpp>
#include <fstream>
#include <ostream>

namespace portcullis::control {
namespace {

namespace po = boost::program_options;

constexpr int kUsage = 2;

bool is_log_level(const std::string& name) {
    return name == "off" || spdlog::level::from_str(name) != spdlog::level::off;
}

po::options_description describe(Settings& settings, std::string& state_dir) {
    auto& daemon = settings.daemon;
    po::options_description options(
        "Options, also those of the file (without dashes: socket = PATH)", 100);
    options.add_options()(
        "socket", po::value(&daemon.socket)->default_value(daemon.socket)->value_name("PATH"),
        "the control socket to listen on")(
        "peer", po::value(&daemon.peer)->default_value(daemon.peer)->value_name("PATH"),
        "the data plane's peer socket")(
        "state-dir",
        po::value(&state_dir)->default_value(daemon.state_dir.string())->value_name("DIR"),
        "where policies and history are kept; the data plane reads DIR/current at its start")(
        "group", po::value(&daemon.group)->value_name("NAME"),
        "who may use the control socket besides root and this user")(
        "deny-lines",
        po::value(&daemon.deny_lines)->default_value(daemon.deny_lines)->value_name("N"),
        "denied packets to log a second, at most")(
        "log-level",
        po::value(&settings.log_level)->default_value(settings.log_level)->value_name("L"),
        "trace, debug, info, warning, error, critical or off");
    return options;
}

}  // namespace

tl::expected<Settings, int> read_settings(const std::vector<std::string>& arguments,
                                          std::ostream& out, std::ostream& err) {
    Settings settings;
    std::string state_dir;
    std::string config;
    const auto shared = describe(settings, state_dir);
    po::options_description all;
    all.add(shared).add_options()("config", po::value(&config)->value_name("FILE"),
                                  "read options from a file")("help,h", "print this");
    const auto wrong = [&](const std::string& what) {
        err << "portcullis-control: " << what << " (--help tells more)\n";
        return tl::make_unexpected(kUsage);
    };
    try {  // Boost reports by exceptions; they end here
        po::variables_map values;
        using Style = po::command_line_style::style_t;
        const auto style = po::command_line_style::default_style & ~Style::allow_guessing;
        po::store(po::command_line_parser(arguments)
                      .options(all)
                      .positional(po::positional_options_description())
                      .style(style)
                      .run(),
                  values);
        if (values.count("help") > 0) {
            out << "usage: portcullis-control [OPTION...]\n\n"
                   "Holds the control socket, compiles topologies and hands policies to the data "
                   "plane.\n\n"
                << all;
            return tl::make_unexpected(0);
        }
        if (values.count("config") > 0) {
            const auto file = values["config"].as<std::string>();
            std::ifstream stream(file);
            if (!stream) return wrong("cannot read " + file);
            po::store(po::parse_config_file(stream, shared), values);
        }
        po::notify(values);
    } catch (const po::error& error) {
        return wrong(error.what());
    }
    if (!is_log_level(settings.log_level))
        return wrong("there is no log level '" + settings.log_level + "'");
    settings.daemon.state_dir = state_dir;
    return settings;
}

}  // namespace portcullis::control
