#include "rows.h"

#include <array>

#include "bytes.h"
#include "schema.h"

namespace chatrt::sqlite {
namespace {

[[noreturn]] void throw_damaged_row(std::int64_t position) {
  throw_damaged("log position " + std::to_string(position) + " is damaged");
}

UserId name(const Query& query, int column) {
  auto id = UserId::parse(query.text(column));
  if (!id) throw_damaged("a user's name is damaged");
  return *std::move(id);
}

}  // namespace

std::int64_t to_int(std::uint64_t value) noexcept {
  return value > INT64_MAX ? INT64_MAX : static_cast<std::int64_t>(value);
}

std::int64_t checksum(const Row& row, const UserId& author, const UserId& peer) noexcept {
  const auto length = [](std::string_view part) { return static_cast<std::int64_t>(part.size()); };
  const std::array<std::int64_t, 11> numbers = {row.position,
                                                row.conversation,
                                                row.kind,
                                                row.sequence,
                                                row.at,
                                                row.previous,
                                                row.previous_message,
                                                length(author.str()),
                                                length(peer.str()),
                                                length(row.text),
                                                length(row.client_id)};
  std::array<char, sizeof numbers> bytes;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    write_number(bytes.data() + i * kNumberBytes, static_cast<std::uint64_t>(numbers[i]));
  }
  return crc32_of(
      {{bytes.data(), bytes.size()}, author.str(), peer.str(), row.text, row.client_id});
}

Change Rows::change(std::int64_t position, const Parties& parties, Link* link) {
  Query query = statements_.get(
      "SELECT conversation, kind, sequence, author, at, previous, previous_message, checksum,"
      " text, client_id FROM log WHERE position = ?",
      position);
  if (!query.next()) throw_damaged_row(position);
  const Row row{position,         query.integer(0), static_cast<int>(query.integer(1)),
                query.integer(2), query.integer(3), query.integer(4),
                query.integer(5), query.integer(6), query.text(8),
                query.text(9)};
  if (row.conversation != parties.conversation || !parties.has(row.author)) {
    throw_damaged_row(position);
  }
  const UserId& author = parties.name_of(row.author);
  const UserId& peer = parties.peer_of(row.author);
  if (query.integer(7) != checksum(row, author, peer)) throw_damaged_row(position);
  if (link != nullptr) {
    *link = {position, row.kind, row.sequence, row.author, row.previous, row.previous_message};
  }
  const Position where{static_cast<std::uint64_t>(position)};
  const ConversationId in{static_cast<std::uint64_t>(row.conversation)};
  const Sequence number{static_cast<std::uint64_t>(row.sequence)};
  const Timestamp when{Duration{row.at}};
  if (row.kind == kMessage) {
    return Message{
        where, in, number, author, peer, std::string{row.text}, std::string{row.client_id}, when};
  }
  return MarkAdvanced{where,  in,     row.kind == kRead ? MarkKind::read : MarkKind::delivered,
                      number, author, peer,
                      when};
}

Message Rows::message(std::int64_t position, const Parties& parties, Link* link) {
  Change found = change(position, parties, link);
  auto* message = std::get_if<Message>(&found);
  if (message == nullptr) throw_damaged_row(position);
  return std::move(*message);
}

Link Rows::link(std::int64_t position, std::int64_t conversation) {
  Query query = statements_.get(
      "SELECT conversation, kind, sequence, author, previous, previous_message FROM log"
      " WHERE position = ?",
      position);
  if (!query.next() || query.integer(0) != conversation) throw_damaged_row(position);
  const Link link{position,         static_cast<int>(query.integer(1)),
                  query.integer(2), query.integer(3),
                  query.integer(4), query.integer(5)};
  // Whoever follows links comes to an end.
  if (link.previous >= position || link.previous_message > link.previous) {
    throw_damaged_row(position);
  }
  return link;
}

void Rows::check(std::int64_t conversation, const Head& head) {
  const Link message = link(head.last_message, conversation);
  if (message.kind != kMessage || message.sequence != head.last_sequence ||
      link(head.last_position, conversation).previous_message > head.last_message) {
    throw_damaged("a conversation is damaged");
  }
}

Link Rows::previous_message(const Link& from, std::int64_t conversation) {
  const Link link = this->link(from.previous_message, conversation);
  if (link.kind != kMessage || (from.kind == kMessage && link.sequence != from.sequence - 1)) {
    throw_damaged_row(link.position);
  }
  return link;
}

Link Rows::find(std::int64_t conversation, std::int64_t sequence, std::int64_t last_sequence,
                std::int64_t last_message) {
  std::int64_t start = last_message;
  if (last_sequence / kStep * kStep >= sequence) {
    const std::int64_t step = (sequence + kStep - 1) / kStep * kStep;
    Query query = statements_.get(
        "SELECT position FROM steps WHERE conversation = ? AND sequence = ?", conversation, step);
    if (!query.next()) throw_damaged("a step of a conversation is missing");
    start = query.integer(0);
    last_sequence = step;
  }
  Link link = this->link(start, conversation);
  if (link.kind != kMessage || link.sequence != last_sequence) throw_damaged_row(start);
  while (link.sequence > sequence) link = previous_message(link, conversation);
  return link;
}

std::optional<Parties> Rows::parties(std::int64_t conversation) {
  Query query = statements_.get(
      "SELECT c.user_a, c.user_b, a.name, b.name FROM conversations c"
      " JOIN users a ON a.id = c.user_a JOIN users b ON b.id = c.user_b WHERE c.id = ?",
      conversation);
  if (!query.next()) return std::nullopt;
  return Parties{conversation, query.integer(0), query.integer(1), name(query, 2), name(query, 3)};
}

}  // namespace chatrt::sqlite
