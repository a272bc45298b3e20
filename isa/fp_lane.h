/* fp_lane.h - the arithmetic of one precision: fp.c includes it for each, with
 *   T(name)     the function's name          REAL, BITS, SIGNED_BITS   the host's types
 *   FRACTION_BITS, EXPONENT_MAX              the format
 *   HOST(name)                               libm's function
 */
#define SIGN      ((BITS)1 << (8 * sizeof(BITS) - 1))
#define FRACTION  (((BITS)1 << FRACTION_BITS) - 1)
#define EXPONENT  ((BITS)EXPONENT_MAX << FRACTION_BITS)
#define QUIET     ((BITS)1 << (FRACTION_BITS - 1))
#define DEFAULT_NAN (SIGN | EXPONENT | QUIET)

static REAL T(real)(BITS v)
{
    REAL r;
    memcpy(&r, &v, sizeof r);
    return r;
}

static BITS T(bits)(REAL r)
{
    BITS v;
    memcpy(&v, &r, sizeof v);
    return v;
}

static bool T(is_nan)(BITS v)
{
    return (v & ~SIGN) > EXPONENT;
}
static bool T(is_signaling)(BITS v)
{
    return T(is_nan)(v) && !(v & QUIET);
}
static bool T(is_denormal)(BITS v)
{
    return !(v & EXPONENT) && (v & FRACTION);
}

/* Denormals are zeros: the sign stays. */
static BITS T(operand)(const struct fp *f, BITS v)
{
    return (f->mxcsr & MXCSR_DAZ) && T(is_denormal)(v) ? v & SIGN : v;
}

/* The first NaN of a, b, c, quieted. */
static BITS T(propagate)(struct fp *f, BITS a, BITS b, BITS c)
{
    if (T(is_signaling)(a) || T(is_signaling)(b) || T(is_signaling)(c)) f->raised |= MXCSR_IE;
    return (T(is_nan)(a) ? a : T(is_nan)(b) ? b : c) | QUIET;
}

static REAL T(host)(enum fp_op op, BITS a, BITS b, BITS c)
{
    HOST_FP_BARRIER REAL x = T(real)(a), y = T(real)(b), z = T(real)(c), r = 0;
    switch (op) {
    case FP_ADD:
        r = x + y;
        break;
    case FP_SUB:
        r = x - y;
        break;
    case FP_MUL:
        r = x * y;
        break;
    case FP_DIV:
        r = x / y;
        break;
    case FP_SQRT:
        r = HOST(sqrt)(y);
        break;
    case FP_FMA:
        r = HOST(fma)(x, y, z);
        break;
    }
    return r;
}

/* Tiny results: flushed with FTZ while underflow is masked; signalled even if exact while it is not. */
static BITS T(finish)(struct fp *f, BITS r, u32 raised)
{
    bool tiny = (raised & MXCSR_UE) || T(is_denormal)(r);
    bool masked = f->mxcsr & MXCSR_UE << MXCSR_MASKS_SHIFT;
    if (tiny && !masked) raised |= MXCSR_UE;
    if (tiny && masked && (f->mxcsr & MXCSR_FTZ)) {
        raised |= MXCSR_UE | MXCSR_PE;
        r &= SIGN;
    }
    f->raised |= raised;
    return r;
}

BITS T(arith)(struct fp *f, enum fp_op op, BITS a, BITS b, BITS c)
{
    a = T(operand)(f, a), b = T(operand)(f, b), c = T(operand)(f, c);
    if (T(is_nan)(a) || T(is_nan)(b) || T(is_nan)(c)) return T(propagate)(f, a, b, c);
    host_fp_begin(fp_rounding(f));
    BITS r = T(bits)(T(host)(op, a, b, c));
    u32 raised = host_fp_end() & ~(u32)MXCSR_DE;
    if (T(is_nan)(r)) {
        f->raised |= MXCSR_IE;
        return DEFAULT_NAN;
    }
    bool denormal = T(is_denormal)(a) || T(is_denormal)(b) || T(is_denormal)(c);
    if (denormal && !(raised & MXCSR_ZE)) raised |= MXCSR_DE;
    return T(finish)(f, r, raised);
}

/* --- comparison --- */

static enum fp_relation T(relation)(BITS a, BITS b)
{
    REAL x = T(real)(a), y = T(real)(b);
    return x < y ? FP_LESS : x > y ? FP_GREATER : FP_EQUAL;
}

enum fp_relation T(compare)(struct fp *f, BITS a, BITS b, bool signals)
{
    a = T(operand)(f, a), b = T(operand)(f, b);
    if (T(is_nan)(a) || T(is_nan)(b)) {
        if (signals || T(is_signaling)(a) || T(is_signaling)(b)) f->raised |= MXCSR_IE;
        return FP_UNORDERED;
    }
    if (T(is_denormal)(a) || T(is_denormal)(b)) f->raised |= MXCSR_DE;
    return T(relation)(a, b);
}

/* The second source where neither is the lesser: NaNs, zeros of both signs (SDM Vol. 2B, "MINPS"). */
BITS T(min)(struct fp *f, BITS a, BITS b)
{
    return T(compare)(f, a, b, true) == FP_LESS ? T(operand)(f, a) : T(operand)(f, b);
}

BITS T(max)(struct fp *f, BITS a, BITS b)
{
    return T(compare)(f, a, b, true) == FP_GREATER ? T(operand)(f, a) : T(operand)(f, b);
}

/* --- integers --- */

/* An integral value; the host's rounding mode is the default one. */
static REAL T(integral)(REAL x, u32 rounding)
{
    switch (rounding) {
    case 0:
        return HOST(rint)(x);
    case 1:
        return HOST(floor)(x);
    case 2:
        return HOST(ceil)(x);
    default:
        return HOST(trunc)(x);
    }
}

static BITS T(rounded)(BITS a, u32 rounding)
{
    return T(bits)(T(integral)(T(real)(a), rounding)) | (a & SIGN); /* -0 stays */
}

BITS T(round)(struct fp *f, BITS a, u32 rounding)
{
    a = T(operand)(f, a);
    if (T(is_nan)(a)) return T(propagate)(f, a, a, a);
    BITS r = T(rounded)(a, rounding);
    if (r != a) f->raised |= MXCSR_PE;
    return r;
}

u64 T(to_integer)(struct fp *f, BITS a, unsigned bytes, u32 rounding)
{
    u64 indefinite = bytes == 8 ? BIT(63) : BIT(31);
    REAL limit = bytes == 8 ? (REAL)0x1p63 : (REAL)0x1p31;
    a = T(operand)(f, a);
    BITS r = T(is_nan)(a) ? a : T(rounded)(a, rounding);
    if (T(is_nan)(a) || T(real)(r) >= limit || T(real)(r) < -limit) {
        f->raised |= MXCSR_IE;
        return indefinite;
    }
    if (r != a) f->raised |= MXCSR_PE;
    u64 v = (u64)(i64)T(real)(r);
    return bytes == 8 ? v : (u32)v;
}

BITS T(from_integer)(struct fp *f, i64 v)
{
    host_fp_begin(fp_rounding(f));
    HOST_FP_BARRIER i64 from = v;
    HOST_FP_BARRIER REAL r = (REAL)from;
    f->raised |= host_fp_end() & MXCSR_PE;
    return T(bits)(r);
}

#undef SIGN
#undef FRACTION
#undef EXPONENT
#undef QUIET
#undef DEFAULT_NAN
