// SIGINT and SIGTERM end a measurement early: what has been measured is still reported.
#pragma once

namespace portcullis::traffic {

void watch_signals();
bool stop_wanted();

}  // namespace portcullis::traffic
