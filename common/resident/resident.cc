#include "common/resident/resident.h"

#include <link.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <string>

namespace weft::resident {
namespace {

bool Traced() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("TracerPid:")) return line.find_first_of("123456789") != std::string::npos;
  }
  return true;  // unknown
}

// Whole pages of [begin, begin + size) only: the first and last may be shared with a writable neighbour.
std::size_t LetGo(std::uintptr_t begin, std::size_t size) {
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const std::uintptr_t from = (begin + page - 1) / page * page, to = (begin + size) / page * page;
  if (from >= to) return 0;
  return madvise(reinterpret_cast<void*>(from), to - from, MADV_DONTNEED) == 0 ? to - from : 0;
}

int LetGoOfObject(dl_phdr_info* object, std::size_t, void* sum) {
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = object->dlpi_phdr[i];
    const std::uintptr_t begin = object->dlpi_addr + segment.p_vaddr;
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    if (begin == getauxval(AT_SYSINFO_EHDR)) continue;  // the kernel's own page, of no file
    *static_cast<std::size_t*>(sum) += LetGo(begin, segment.p_filesz);
  }
  return 0;
}

}  // namespace

std::size_t LetGoOfProgramPages() {
  std::size_t sum = 0;
  if (!Traced()) dl_iterate_phdr(LetGoOfObject, &sum);
  return sum;
}

}  // namespace weft::resident
