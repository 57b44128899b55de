// This instruction set's row of function pointers.
#include "vector.h"

#define NUWA_STRING(x) #x
#define NUWA_NAME(x) NUWA_STRING(x)
#define NUWA_POINTER(name, ...) name,

namespace nuwa {
namespace NUWA_ISA {

const KernelTable table = {NUWA_NAME(NUWA_ISA), W, NUWA_KERNELS(NUWA_POINTER)};

}  // namespace NUWA_ISA
}  // namespace nuwa
