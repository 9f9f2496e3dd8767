// The text that /metrics answers, by prometheus-cpp.
#pragma once

#include <prometheus/metric_family.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "metered_store.h"

namespace chatd {

// Gathers families of one sample, and histograms. Names and help are the program's own.
class MetricsText {
 public:
  void counter(const std::string& name, const std::string& help, std::uint64_t value);
  void counter(const std::string& name, const std::string& help, double value);
  // One sample for each value of a label.
  void counter(const std::string& name, const std::string& help, const std::string& label,
               const std::vector<std::pair<std::string, std::uint64_t>>& values);
  void gauge(const std::string& name, const std::string& help, std::uint64_t value);
  void gauge(const std::string& name, const std::string& help, double value);
  // In seconds.
  void histogram(const std::string& name, const std::string& help, const Histogram& histogram);

  std::string text() const;

 private:
  prometheus::ClientMetric& add(const std::string& name, const std::string& help,
                                prometheus::MetricType type);
  std::vector<prometheus::MetricFamily> families_;
};

}  // namespace chatd
