// libtorch's Gloo for `gloo.rs`: sums over processes on CPUs. Written for the headers of PyTorch 2.13.
#include <ATen/ops/from_blob.h>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "caught.hpp"

namespace {

using Milliseconds = std::chrono::milliseconds;

struct Store {
  c10::intrusive_ptr<c10d::TCPStore> store;
};

struct Group {
  c10::intrusive_ptr<c10d::Store> store;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> gloo;
};

}  // namespace

extern "C" {

// Opens the store at which processes meet: serves it on a free port, which `port` then holds, where
// `port` is 0.
char* tamis_gloo_store(const char* host, uint16_t* port, int size, uint64_t milliseconds, Store** out) {
  return caught([&] {
    c10d::TCPStoreOptions options;
    options.port = *port;
    options.isServer = *port == 0;
    options.numWorkers = size;
    options.waitWorkers = false;
    options.timeout = Milliseconds(milliseconds);
    auto store = c10::make_intrusive<c10d::TCPStore>(host, options);
    *port = store->getPort();
    *out = new Store{std::move(store)};
  });
}

void tamis_gloo_store_free(Store* store) { delete store; }

// Joins the processes that meet at `store`, listening at the address `address` of this machine.
char* tamis_gloo_join(
    const Store* store, const char* address, int rank, int size, uint64_t milliseconds, Group** out) {
  return caught([&] {
    auto options = c10d::ProcessGroupGloo::Options::create(Milliseconds(milliseconds));
    options->devices.push_back(c10d::ProcessGroupGloo::createDeviceForHostname(address));
    auto gloo = c10::make_intrusive<c10d::ProcessGroupGloo>(store->store, rank, size, options);
    *out = new Group{store->store, std::move(gloo)};
  });
}

void tamis_gloo_free(Group* group) { delete group; }

// Replaces `count` values by their sums over all processes.
char* tamis_gloo_all_reduce(Group* group, float* values, int64_t count) {
  return caught([&] {
    std::vector<at::Tensor> tensors = {at::from_blob(values, {count}, at::kFloat)};
    group->gloo->allreduce(tensors)->wait();
  });
}

}  // extern "C"
