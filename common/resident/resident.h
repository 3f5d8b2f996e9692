#pragma once
// What a program keeps in memory of its own files. Starting touches most of it once: relocations, static
// initialisers of the libraries linked in, and around each page the kernel maps the neighbours too. Most is
// never read again, yet counts as resident for as long as the process lives.
//
// Thread rule: any thread, at any time.

#include <cstddef>

namespace weft::resident {

// Lets go of the pages of the program's and its libraries' text and constants; what is still needed comes
// back from the page cache when it is next read (about a microsecond per 64 KiB, no disk while the file is
// cached). Only read-only segments: nothing in them can have been written, so nothing can be lost. Does
// nothing under a debugger, whose breakpoints are written into text. Returns the bytes of the segments; 0:
// did nothing.
std::size_t LetGoOfProgramPages();

}  // namespace weft::resident
