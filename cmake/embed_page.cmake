# Writes a C++ source with the bytes of a file: cmake -DPAGE=index.html -DSOURCE=page.cpp -DFUNCTION=name -P embed_page.cmake
# FUNCTION is declared by hand in a header: std::string_view agentcom::FUNCTION().

file(READ ${PAGE} bytes HEX)
string(REPEAT "[0-9a-f]" 32 line)
string(REGEX REPLACE "(${line})" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${bytes}")
get_filename_component(name ${PAGE} NAME)
file(WRITE ${SOURCE} "// ${name}, by cmake/embed_page.cmake.
#include <string_view>

namespace agentcom {

std::string_view ${FUNCTION}() {
    static constexpr char kBytes[] = {
${bytes}
    };
    return {kBytes, sizeof kBytes};
}

}  // namespace agentcom
")
