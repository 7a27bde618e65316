// The daemon's command line and configuration file: the same options in both.
#pragma once

#include <iosfwd>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "control/daemon.h"

namespace portcullis::control {

struct Settings {
    DaemonOptions daemon;
    std::string log_level = "info";
};

// `arguments` without the program's name. The command line wins over the file. Where the daemon is
// not to run the error is the exit code: 0 after --help, 2 after a mistake, which has been printed.
tl::expected<Settings, int> read_settings(const std::vector<std::string>& arguments,
                                          std::ostream& out, std::ostream& err);

}  // namespace portcullis::control
