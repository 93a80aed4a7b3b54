// What the shims have in common: errors as texts.
#pragma once
#include <cstring>
#include <exception>
#include <string>

#include <c10/util/Exception.h>

namespace {

// Runs `body`; gives a copy of the first line of what it throws, null where it throws nothing.
template <typename Body>
char* caught(Body body) {
  std::string text;
  try {
    body();
    return nullptr;
  } catch (const c10::Error& error) {
    text = error.what_without_backtrace();
  } catch (const std::exception& error) {
    text = error.what();
  } catch (...) {
    text = "an exception of unknown type";
  }
  return strdup(text.substr(0, text.find('\n')).c_str());
}

}  // namespace
