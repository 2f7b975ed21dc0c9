# One list of warnings, the flags that every target is built with.
add_library(common_flags INTERFACE)
target_compile_options(common_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wcast-qual -Wcast-align -Wformat=2
  -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wvla -Wwrite-strings -Wimplicit-fallthrough -Wnull-dereference
  -Wdouble-promotion -fno-common
  $<$<C_COMPILER_ID:GNU>:-Wduplicated-cond -Wduplicated-branches -Wlogical-op -Wjump-misses-init>
  $<$<C_COMPILER_ID:Clang>:-Wcomma -Wassign-enum -Wunreachable-code -Wmissing-variable-declarations>
  $<$<BOOL:${MAILTAP_WERROR}>:-Werror>)
target_compile_definitions(common_flags INTERFACE _GNU_SOURCE MAILTAP_VERSION="${PROJECT_VERSION}")
if(MAILTAP_SANITIZE)
  target_compile_options(common_flags INTERFACE -fsanitize=${MAILTAP_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(common_flags INTERFACE -fsanitize=${MAILTAP_SANITIZE})
endif()
