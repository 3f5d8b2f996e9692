// The one compilation of Beast's own functions (BOOST_BEAST_SEPARATE_COMPILATION).
#include <boost/beast/src.hpp>
