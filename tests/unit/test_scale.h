/* test_scale.h - how many times as many cases a randomized test runs as it does by itself: GIGOGNE_TEST_SCALE of the environment, else 1.
 * The cases of a shorter run are the first ones of a longer. */
#ifndef TESTS_TEST_SCALE_H
#define TESTS_TEST_SCALE_H

#include <stdlib.h>

static inline unsigned test_scale(void)
{
    const char *text = getenv("GIGOGNE_TEST_SCALE");
    unsigned long scale = text ? strtoul(text, NULL, 10) : 1;
    return scale ? (unsigned)scale : 1;
}

#endif
