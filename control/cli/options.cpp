#include "control/cli/options.h"

#include <ostream>

namespace portcullis::control::cli {
namespace {

namespace po = boost::program_options;

void print_help(const Usage& usage, const po::options_description& visible, std::ostream& out) {
    std::size_t begin = 0;
    while (begin <= usage.synopsis.size()) {
        const auto end = std::min(usage.synopsis.find('\n', begin), usage.synopsis.size());
        out << (begin == 0 ? "usage: " : "       ") << "portcullis " << usage.command << ' '
            << usage.synopsis.substr(begin, end - begin) << '\n';
        begin = end + 1;
    }
    out << '\n' << usage.text << "\n\n" << visible;
    if (!usage.epilogue.empty()) out << '\n' << usage.epilogue << '\n';
}

}  // namespace

int usage_error(const Usage& usage, std::string_view message, Streams& streams) {
    streams.err << "portcullis " << usage.command << ": " << message << " (portcullis "
                << usage.command << " --help tells more)\n";
    return kUsage;
}

tl::expected<po::variables_map, int> parse_options(const Usage& usage,
                                                   const po::options_description& options,
                                                   const std::vector<Positional>& positionals,
                                                   const Arguments& arguments, Streams& streams) {
    po::options_description visible("Options", 100);
    for (const auto& option : options.options()) visible.add(option);
    visible.add_options()("help,h", "print this");
    po::options_description hidden;
    po::positional_options_description order;
    for (const auto& positional : positionals) {
        hidden.add_options()(positional.name.c_str(), po::value<std::string>());
        order.add(positional.name.c_str(), 1);
    }
    po::options_description all;
    all.add(visible).add(hidden);

    po::variables_map values;
    try {  // Boost reports by exceptions; they end here
        using Style = po::command_line_style::style_t;
        const auto style = po::command_line_style::default_style & ~Style::allow_guessing;
        po::store(
            po::command_line_parser(arguments).options(all).positional(order).style(style).run(),
            values);
        po::notify(values);
    } catch (const po::error& error) {
        return tl::make_unexpected(usage_error(usage, error.what(), streams));
    }
    if (values.count("help") > 0) {
        print_help(usage, visible, streams.out);
        return tl::make_unexpected(kOk);
    }
    for (const auto& positional : positionals)
        if (positional.required && values.count(positional.name) == 0)
            return tl::make_unexpected(
                usage_error(usage, "missing argument " + positional.name, streams));
    return values;
}

}  // namespace portcullis::control::cli
