// What `ProcessGroupGloo.hpp` needs to know of Gloo, whose own headers no wheel of PyTorch has. Only
// names and the shape of virtual tables matter: nothing of Gloo is called or derived from here.
#pragma once
#include <chrono>
#include <string>
#include <vector>
namespace gloo {
struct Context {
  void setTimeout(std::chrono::milliseconds);
  std::chrono::milliseconds getTimeout() const;
};
namespace transport { class Device; class UnboundBuffer; }
namespace rendezvous {
class Store {
 public:
  virtual ~Store();
  virtual void set(const std::string&, const std::vector<char>&) = 0;
  virtual std::vector<char> get(const std::string&) = 0;
  virtual void wait(const std::vector<std::string>&) = 0;
  virtual void wait(const std::vector<std::string>&, const std::chrono::milliseconds&) = 0;
};
}  // namespace rendezvous
}  // namespace gloo
