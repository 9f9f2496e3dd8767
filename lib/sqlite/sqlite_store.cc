#include "chatrt/sqlite_store.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

#include "heads.h"
#include "reader.h"
#include "schema.h"
#include "writer.h"

namespace chatrt {
namespace {

using sqlite::Heads;
using sqlite::Reader;
using sqlite::Writer;

// Held as long as the store is open: one process writes a file at a time. On a file of its own,
// since closing any descriptor of the database would drop SQLite's locks.
class FileLock {
 public:
  explicit FileLock(int fd) : fd_(fd) {}
  FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileLock& operator=(FileLock&&) = delete;
  ~FileLock() {
    if (fd_ >= 0) ::close(fd_);
  }

  static Result<FileLock> take(const std::filesystem::path& file, Duration patience) {
    // Of the file itself, by whatever name of it: two of these would be two locks.
    std::error_code error;
    const std::filesystem::path itself = std::filesystem::weakly_canonical(file, error);
    const std::string name = (error ? file : itself).string() + "-lock";
    const int fd = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
      return Error{Errc::unavailable,
                   name + ": " + std::strerror(errno) + "; check the folder and its permissions"};
    }
    FileLock lock(fd);
    constexpr Duration kRetry{50};
    for (Duration waited{0};; waited += kRetry) {
      if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return lock;
      if (errno != EWOULDBLOCK && errno != EINTR) {
        return Error{Errc::unavailable, name + ": cannot be locked: " + std::strerror(errno)};
      }
      if (waited >= patience) {
        return Error{
            Errc::busy,
            file.string() + ": another process has it open; stop that or name another file"};
      }
      std::this_thread::sleep_for(kRetry);
    }
  }

 private:
  int fd_;
};

// Connections for reading, lent to one caller each. A caller waits if all are lent.
class Readers {
 public:
  explicit Readers(std::vector<std::unique_ptr<Reader>> readers) : free_(std::move(readers)) {}

  template <typename T, typename F>
  Result<T> with(F&& read) const {
    const Loan loan(*this);
    try {
      return read(*loan.reader);
    } catch (const SQLite::Exception& exception) {
      return sqlite::to_error(exception);
    } catch (const std::bad_alloc&) {
      return sqlite::out_of_memory();
    }
  }

 private:
  struct Loan {
    explicit Loan(const Readers& the_owner) : owner(the_owner) {
      std::unique_lock lock(owner.mutex_);
      owner.returned_.wait(lock, [this] { return !owner.free_.empty(); });
      reader = std::move(owner.free_.back());
      owner.free_.pop_back();
    }
    ~Loan() {
      {
        const std::lock_guard lock(owner.mutex_);
        owner.free_.push_back(std::move(reader));
      }
      owner.returned_.notify_one();
    }
    Loan(const Loan&) = delete;

    const Readers& owner;
    std::unique_ptr<Reader> reader;
  };

  mutable std::mutex mutex_;
  mutable std::condition_variable returned_;
  mutable std::vector<std::unique_ptr<Reader>> free_;  // guarded by mutex_
};

class SqliteStore final : public MessageStore {
 public:
  SqliteStore(FileLock lock, std::unique_ptr<Heads> heads, std::unique_ptr<SQLite::Database> writer,
              const SqliteOptions& options, std::vector<std::unique_ptr<Reader>> readers)
      : lock_(std::move(lock)),
        heads_(std::move(heads)),
        writer_(std::move(writer), options, *heads_),
        readers_(std::move(readers)) {}

  Result<std::vector<Result<Appended>>> append(std::span<Draft> drafts, Timestamp now) override {
    const std::lock_guard lock(mutex_);
    return writer_.append(drafts, now);
  }
  Result<Position> last_position() const override {
    return readers_.with<Position>([](Reader& r) { return r.last_position(); });
  }
  Result<Page<Change>> read_for_user(const UserId& user, Position after,
                                     PageLimit limit) const override {
    return readers_.with<Page<Change>>(
        [&](Reader& r) { return r.read_for_user(user, after, limit); });
  }
  Result<Page<Message>> read_undelivered(const UserId& user, Position after,
                                         PageLimit limit) const override {
    return readers_.with<Page<Message>>(
        [&](Reader& r) { return r.read_undelivered(user, after, limit); });
  }
  Result<Page<Message>> read_conversation(const UserId& reader, const Target& target,
                                          SequenceRange range, PageLimit limit) const override {
    return readers_.with<Page<Message>>(
        [&](Reader& r) { return r.read_conversation(reader, target, range, limit); });
  }
  Result<Page<Conversation>> conversations_of(const UserId& user, std::optional<Position> before,
                                              PageLimit limit) const override {
    return readers_.with<Page<Conversation>>(
        [&](Reader& r) { return r.conversations_of(user, before, limit); });
  }
  Result<std::vector<UserId>> contacts_of(const UserId& user) const override {
    return readers_.with<std::vector<UserId>>([&](Reader& r) { return r.contacts_of(user); });
  }
  Result<std::vector<UserId>> contacts_among(const UserId& user,
                                             std::span<const UserId> users) const override {
    return readers_.with<std::vector<UserId>>(
        [&](Reader& r) { return r.contacts_among(user, users); });
  }
  Result<Page<Change>> read_log(Position after, PageLimit limit) const override {
    return readers_.with<Page<Change>>([&](Reader& r) { return r.read_log(after, limit); });
  }

 private:
  FileLock lock_;
  const std::unique_ptr<Heads> heads_;
  std::mutex mutex_;
  Writer writer_;  // guarded by mutex_
  Readers readers_;
};

// The file with mode 0600 whatever the umask; SQLite gives its side files the same.
Status create_file(const std::filesystem::path& file) {
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    return Error{Errc::unavailable, file.string() + ": " + std::strerror(errno) +
                                        "; check the folder and its permissions"};
  }
  ::close(fd);
  return {};
}

Result<std::unique_ptr<MessageStore>> open(const std::filesystem::path& file,
                                           const SqliteOptions& options) {
  // SQLite would make a database of each connection's own of these.
  if (file.empty() || file == ":memory:") {
    return Error{Errc::invalid_argument,
                 file.string() + ": not a file; make_memory_store() keeps messages in memory"};
  }
  // Before the file is looked at: to close it drops all locks that this process has on it, those of
  // a store that is open too.
  auto lock = FileLock::take(file, options.open_busy_timeout);
  if (!lock) return std::move(lock).error();
  if (const Status ours = sqlite::check_file(file); !ours) return ours.error();
  if (const Status created = create_file(file); !created) return created.error();
  try {
    auto heads = std::make_unique<Heads>(options.tail_max);
    auto writer = sqlite::open_writer(file, options);
    std::vector<std::unique_ptr<Reader>> readers;
    for (unsigned i = 0; i < std::max(options.readers, 1U); ++i) {
      readers.push_back(std::make_unique<Reader>(sqlite::open_reader(file), *heads));
    }
    return std::unique_ptr<MessageStore>{std::make_unique<SqliteStore>(
        *std::move(lock), std::move(heads), std::move(writer), options, std::move(readers))};
  } catch (const SQLite::Exception& exception) {
    Error error = sqlite::to_error(exception);
    error.detail = file.string() + ": " + error.detail;
    if (error.code == Errc::corrupt) error.detail += "; restore a backup or name another file";
    if (error.code == Errc::busy) error.detail += "; another process holds it";
    return error;
  }
}

}  // namespace

Result<std::unique_ptr<MessageStore>> open_sqlite_store(const std::filesystem::path& file,
                                                        SqliteOptions options) {
  // More than anybody has fits; the largest numbers would not.
  options.tail_max = std::clamp(options.tail_max, std::size_t{1}, std::size_t{1} << 40);
  options.wal_bytes = std::min(options.wal_bytes, std::size_t{1} << 40);
  try {
    return open(file, options);
  } catch (const std::bad_alloc&) {
    return sqlite::out_of_memory();
  }
}

// Has no effect once SQLite is in use, which is no error.
void stop_counting_sqlite_memory() noexcept { sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); }

const char* sqlite_version() noexcept { return sqlite3_libversion(); }

const char* sqlitecpp_version() noexcept { return SQLITECPP_VERSION; }

}  // namespace chatrt
