/* fault.h - what the two halves of the library that makes calls fail have in common: see fault.c
 */
#ifndef FAULT_H
#define FAULT_H

#include <stdbool.h>

/* Is this the call that has to fail? Then errno is what it has to be. */
bool fault_is_due(const char *function);

/* Where the address stands of the function that this one of the library stands in front of. The linker
 * knows what it is called: headers may have renamed it (on 32-bit machines, mmap() is mmap64()). */
void **fault_next_address(void (*mine)(void));

#define NEXT(function) (*(__typeof__(function) **)fault_next_address((void (*)(void))(function)))
#define FAIL_OR_CALL(function, failure, ...)                                                       \
    (fault_is_due(#function) ? (failure) : NEXT(function)(__VA_ARGS__))

#endif
