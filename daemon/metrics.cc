#include "metrics.h"

#include <prometheus/text_serializer.h>

#include <limits>
#include <sstream>

namespace chatd {

prometheus::ClientMetric& MetricsText::add(const std::string& name, const std::string& help,
                                           prometheus::MetricType type) {
  prometheus::MetricFamily& family = families_.emplace_back();
  family.name = name;
  family.help = help;
  family.type = type;
  return family.metric.emplace_back();
}

void MetricsText::counter(const std::string& name, const std::string& help, std::uint64_t value) {
  counter(name, help, static_cast<double>(value));
}

void MetricsText::counter(const std::string& name, const std::string& help, double value) {
  add(name, help, prometheus::MetricType::Counter).counter.value = value;
}

void MetricsText::counter(const std::string& name, const std::string& help,
                          const std::string& label,
                          const std::vector<std::pair<std::string, std::uint64_t>>& values) {
  prometheus::MetricFamily& family = families_.emplace_back();
  family.name = name;
  family.help = help;
  family.type = prometheus::MetricType::Counter;
  for (const auto& [value, count] : values) {
    prometheus::ClientMetric& metric = family.metric.emplace_back();
    metric.label.push_back({label, value});
    metric.counter.value = static_cast<double>(count);
  }
}

void MetricsText::gauge(const std::string& name, const std::string& help, std::uint64_t value) {
  gauge(name, help, static_cast<double>(value));
}

void MetricsText::gauge(const std::string& name, const std::string& help, double value) {
  add(name, help, prometheus::MetricType::Gauge).gauge.value = value;
}

void MetricsText::histogram(const std::string& name, const std::string& help,
                            const Histogram& histogram) {
  prometheus::ClientMetric& metric = add(name, help, prometheus::MetricType::Histogram);
  const auto counts = histogram.cumulative();
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const bool last = i == Histogram::kBounds.size();
    prometheus::ClientMetric::Bucket bucket;
    bucket.cumulative_count = counts[i];
    bucket.upper_bound = last ? std::numeric_limits<double>::infinity()
                              : static_cast<double>(Histogram::kBounds[i]) / 1e6;
    metric.histogram.bucket.push_back(bucket);
  }
  metric.histogram.sample_count = counts.back();
  metric.histogram.sample_sum = static_cast<double>(histogram.sum_us()) / 1e6;
}

std::string MetricsText::text() const {
  std::ostringstream out;
  prometheus::TextSerializer{}.Serialize(out, families_);
  return out.str();
}

}  // namespace chatd
