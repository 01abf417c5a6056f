/* clock.c - see clock.h. */
#include "sim/clock.h"

#include <math.h>

int clock_moved(int64_t from_ns, double us, int64_t *ns, struct err *e)
{
    if (!((double)from_ns + 1e3 * us < CLOCK_NS_MOST))
        return err_set(e, ERR_USAGE, "KV blocks take %g us to move: beyond 146 years", us);
    *ns = from_ns + llround(1e3 * us);
    return 0;
}
