#include "control/daemon_options.h"

#include <sstream>

#include "tests/unit/control/running_daemon.h"

namespace portcullis::control::testing {
namespace {

class DaemonOptionsTest : public ::testing::Test {
  protected:
    tl::expected<Settings, int> read(const std::vector<std::string>& arguments) {
        return read_settings(arguments, out_, err_);
    }
    std::string file(const std::string& text) const {
        const auto path = directory_.path() / "control.conf";
        EXPECT_TRUE(write_file(path, text));
        return path;
    }
    TemporaryDirectory directory_;
    std::ostringstream out_;
    std::ostringstream err_;
};

TEST_F(DaemonOptionsTest, HasDefaults) {
    const auto settings = read({});
    ASSERT_TRUE(settings);
    EXPECT_EQ(settings->daemon.socket, kDefaultSocket);
    EXPECT_EQ(settings->daemon.state_dir, "/var/lib/portcullis");
    EXPECT_EQ(settings->log_level, "info");
}

TEST_F(DaemonOptionsTest, TheCommandLineWinsOverTheFile) {
    const auto config = file("# a comment\nsocket = /a\npeer = /b\nlog-level = debug\n");
    const auto settings = read({"--socket", "/c", "--config", config, "--state-dir=/d"});
    ASSERT_TRUE(settings) << err_.str();
    EXPECT_EQ(settings->daemon.socket, "/c");
    EXPECT_EQ(settings->daemon.peer, "/b");
    EXPECT_EQ(settings->daemon.state_dir, "/d");
    EXPECT_EQ(settings->log_level, "debug");
}

TEST_F(DaemonOptionsTest, MistakesAreOneLine) {
    for (const std::vector<std::string>& arguments : {std::vector<std::string>{"--sock", "/a"},
                                                      {"--socket"},
                                                      {"extra"},
                                                      {"--log-level", "loud"},
                                                      {"--deny-lines", "many"},
                                                      {"--config", "/no/such/file"},
                                                      {"--config", file("sokcet = /a\n")}}) {
        err_.str("");
        const auto settings = read(arguments);
        ASSERT_FALSE(settings);
        EXPECT_EQ(settings.error(), 2);
        const auto text = err_.str();
        EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
    }
}

TEST_F(DaemonOptionsTest, HelpListsTheOptions) {
    const auto settings = read({"--help"});
    ASSERT_FALSE(settings);
    EXPECT_EQ(settings.error(), 0);
    EXPECT_NE(out_.str().find("--state-dir"), std::string::npos);
}

}  // namespace
}  // namespace portcullis::control::testing
