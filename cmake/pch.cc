// Owner of a precompiled header; see weft.cmake.
