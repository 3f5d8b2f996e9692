#pragma once
// Debian builds gRPC 1.51 with its checks for debugging. One of them notes each operation that was begun in
// an array of the completion queue and looks through all of it, with the queue locked, when the operation
// ends: each stream has a read begun, so that with ten thousand a sixth of all work was this search. Here an
// operation is noted when it ends, just before the check finds it: what is begun and not ended is in no
// array, and nothing is searched. The check is left without sense; the counts of operations, which decide
// when a queue is done, are gRPC's as before. A gRPC without the array is seen at the first operation and
// left alone. The linker's --wrap (controlplane/folders.cmake) puts the functions before gRPC's. Thread rule:
// any thread, under the queue's lock.
