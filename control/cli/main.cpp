// portcullis COMMAND ...; see command.h.
#include <iostream>

#include "control/cli/command.h"
#include "control/pattern_child.h"

int main(int argc, char** argv) {
    if (const auto code = portcullis::control::serve_pattern_child(argc, argv)) return *code;
    std::ios::sync_with_stdio(false);
    portcullis::control::cli::Streams streams{std::cin, std::cout, std::cerr};
    const int code = portcullis::control::cli::dispatch({argv + 1, argv + argc}, streams);
    std::cout.flush();
    if (!std::cout) {
        std::cerr << "portcullis: standard output could not be written\n";
        return portcullis::control::cli::kUsage;
    }
    return code;
}
