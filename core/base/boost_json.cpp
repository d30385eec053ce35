// The one translation unit that holds the code of Boost.JSON. The library is used from its headers, so that the same
// source builds natively and to WebAssembly.
#include <boost/json/src.hpp>
