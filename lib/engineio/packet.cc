#include "chatrt/engineio/packet.h"

namespace chatrt::engineio {

void encode(const Packet& packet, std::string& out) {
  if (!packet.binary) out.push_back(static_cast<char>(packet.type));
  out.append(packet.data);
}

}  // namespace chatrt::engineio
