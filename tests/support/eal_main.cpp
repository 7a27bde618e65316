// main() of tests that need DPDK.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "tests/support/eal.h"

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    const portcullis::test::Eal eal;
    if (!eal.started()) {
        std::fputs("EAL does not start\n", stderr);
        return EXIT_FAILURE;
    }
    return RUN_ALL_TESTS();
}
