#include <doctest/doctest.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "../temp_folder.h"
#include "chatrt/sqlite_store.h"
#include "chatrt/testing/contract/store_fixture.h"
#include "database.h"
#include "schema.h"
#include "store_file.h"

using namespace chatrt;
using namespace chatrt::testing;

namespace {

void write(const std::filesystem::path& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary) << bytes;
}

struct FileFixture {
  Result<std::unique_ptr<MessageStore>> try_open() {
    SqliteOptions options;
    options.open_busy_timeout = std::chrono::milliseconds{100};
    options.append_busy_timeout = std::chrono::milliseconds{50};
    return open_sqlite_store(file, options);
  }
  std::unique_ptr<MessageStore> open() {
    auto store = try_open();
    REQUIRE_MESSAGE(store.has_value(), store.error().detail);
    return *std::move(store);
  }
  // Refused in one line that begins with the file, which is as it was.
  Error refused() {
    const std::string before = contents(file);
    const auto store = try_open();
    REQUIRE_FALSE(store.has_value());
    CHECK(contents(file) == before);
    CHECK(store.error().detail.starts_with(file.string() + ": "));
    CHECK(store.error().detail.find('\n') == std::string::npos);
    return store.error();
  }
  // A file with one message in it.
  void make() {
    const auto store = open();
    REQUIRE(append_to(*store, {draft("ann", "bob", "hi")}).has_value());
  }
  // Whether another process could take SQLite for unused here, and remove its WAL: the lock is a
  // process's, and gone when this closes any descriptor of the file.
  bool is_locked_for_others() const {
    const pid_t other = ::fork();
    if (other == 0) {
      struct flock lock {};
      lock.l_type = F_WRLCK;
      lock.l_whence = SEEK_SET;
      lock.l_start = 0x40000002;  // SQLite's shared lock
      lock.l_len = 510;
      const int fd = ::open(file.c_str(), O_RDWR);
      const bool asked = fd >= 0 && ::fcntl(fd, F_GETLK, &lock) == 0;
      ::_exit(asked ? lock.l_type != F_UNLCK : 2);
    }
    int status = 0;
    REQUIRE(::waitpid(other, &status, 0) == other);
    REQUIRE(WIFEXITED(status));
    REQUIRE(WEXITSTATUS(status) < 2);
    return WEXITSTATUS(status) == 1;
  }
  mode_t mode(const char* suffix) const {
    struct stat status {};
    REQUIRE(::stat((file.string() + suffix).c_str(), &status) == 0);
    return status.st_mode & 0777;
  }

  TempFolder folder;
  std::filesystem::path file = folder / "chat.db";
};

// Another program with the file open.
class OtherProgram {
 public:
  explicit OtherProgram(const std::filesystem::path& file) {
    REQUIRE(sqlite3_open(file.c_str(), &database_) == SQLITE_OK);
  }
  ~OtherProgram() { sqlite3_close(database_); }
  OtherProgram(const OtherProgram&) = delete;
  void run(const std::string& sql) {
    REQUIRE(sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
  }

 private:
  sqlite3* database_ = nullptr;
};

std::string ask(SQLite::Database& database, const char* query) {
  return database.execAndGet(query).getString();
}

}  // namespace

TEST_SUITE("open_sqlite_store: the file") {
  TEST_CASE_FIXTURE(FileFixture, "is ours alone, with the files beside it, whatever the umask") {
    const mode_t umask = ::umask(0);
    const auto store = open();
    ::umask(umask);
    for (const char* suffix : {"", "-wal", "-shm", "-lock"}) CHECK(mode(suffix) == 0600);
  }
  TEST_CASE_FIXTURE(FileFixture, "carries our mark and the version of its schema") {
    make();
    SQLite::Database database(file.string());
    CHECK(ask(database, "PRAGMA application_id") == std::to_string(sqlite::kApplicationId));
    CHECK(ask(database, "PRAGMA user_version") == std::to_string(sqlite::kSchemaVersion));
    // Also for who reads the file alone: the mark is not left in the WAL.
    CHECK(contents(file).substr(68, 4) == "chrt");
  }
  TEST_CASE_FIXTURE(FileFixture, "may be empty, or made only half") {
    SUBCASE("without a byte") { write(file, ""); }
    SUBCASE("marked, but without a schema") {
      OtherProgram(file).run("PRAGMA application_id=" + std::to_string(sqlite::kApplicationId));
    }
    make();
    CHECK(open()->last_position().has_value());
  }
  TEST_CASE_FIXTURE(FileFixture, "is opened with these settings on every connection") {
    make();
    const auto writer = sqlite::open_writer(file, {});
    const auto reader = sqlite::open_reader(file);
    for (SQLite::Database* database : {writer.get(), reader.get()}) {
      CHECK(ask(*database, "PRAGMA journal_mode") == "wal");
      CHECK(ask(*database, "PRAGMA trusted_schema") == "0");
      CHECK(ask(*database, "PRAGMA cell_size_check") == "1");
      CHECK(ask(*database, "PRAGMA mmap_size") == "0");
      CHECK(ask(*database, "PRAGMA wal_autocheckpoint") == "0");
    }
    CHECK(ask(*writer, "PRAGMA synchronous") == "2");
    CHECK(ask(*writer, "PRAGMA journal_size_limit") ==
          std::to_string(2 * SqliteOptions{}.wal_bytes));
    CHECK_THROWS_AS(reader->exec("DELETE FROM log"), SQLite::Exception);
    SqliteOptions normal;
    normal.synchronous = SqliteOptions::Synchronous::normal;
    CHECK(ask(*sqlite::open_writer(file, normal), "PRAGMA synchronous") == "1");
  }
}

TEST_SUITE("open_sqlite_store: refuses and leaves as it was") {
  TEST_CASE_FIXTURE(FileFixture, "what is no database") {
    SUBCASE("text") { write(file, std::string(5000, 'x')); }
    SUBCASE("less than a header") { write(file, "SQLite format 3"); }
    SUBCASE("a header that is overwritten") {
      make();
      std::string bytes = contents(file);
      write(file, bytes.replace(0, 64, 64, '\xff'));
    }
    CHECK(refused().code == Errc::corrupt);
  }
  TEST_CASE_FIXTURE(FileFixture, "a database that was cut off") {
    make();
    write(file, contents(file).substr(0, 5000));
    CHECK(refused().code == Errc::corrupt);
  }
  TEST_CASE_FIXTURE(FileFixture, "a database of another program") {
    OtherProgram(file).run("CREATE TABLE theirs (x)");
    const Error error = refused();
    CHECK(error.code == Errc::corrupt);
    CHECK(error.detail.find("belongs to another program") != std::string::npos);
  }
  TEST_CASE_FIXTURE(FileFixture, "a file of a newer version") {
    make();
    const std::string newer = std::to_string(sqlite::kSchemaVersion + 1);
    OtherProgram(file).run("PRAGMA user_version=" + newer);
    const Error error = refused();
    CHECK(error.code == Errc::corrupt);
    CHECK(error.detail.find("newer version (schema " + newer + ", this one knows " +
                            std::to_string(sqlite::kSchemaVersion) + ")") != std::string::npos);
  }
  TEST_CASE("a database in memory, which would be another one for each connection") {
    for (const char* name : {"", ":memory:"}) {
      const auto store = open_sqlite_store(name);
      REQUIRE_FALSE(store.has_value());
      CHECK(store.error().code == Errc::invalid_argument);
      CHECK_FALSE(std::filesystem::exists(std::string{name} + "-lock"));
    }
  }

  TEST_CASE_FIXTURE(FileFixture, "what is no file, or cannot be made") {
    SUBCASE("a folder") { std::filesystem::create_directory(file); }
    SUBCASE("a folder that is not there") { file = folder / "missing/chat.db"; }
    const auto store = try_open();
    REQUIRE_FALSE(store.has_value());
    CHECK(store.error().code == Errc::unavailable);
    CHECK(store.error().detail.starts_with(file.string()));
  }
}

TEST_SUITE("a file that is locked") {
  TEST_CASE_FIXTURE(FileFixture, "by another store is busy and names the file") {
    auto first = open();
    const Error error = refused();
    CHECK(error.code == Errc::busy);
    first.reset();
    CHECK(open() != nullptr);
  }
  TEST_CASE_FIXTURE(FileFixture, "by another store is busy by another name of it too") {
    const auto first = open();
    const std::filesystem::path itself = file;
    file = folder / "link.db";
    std::filesystem::create_symlink(itself, file);
    CHECK(refused().code == Errc::busy);
  }
  TEST_CASE_FIXTURE(FileFixture, "stays so when another store of this process was refused") {
    const auto first = open();
    CHECK(is_locked_for_others());
    CHECK_FALSE(try_open());  // refused() would look into the file itself
    CHECK(is_locked_for_others());
  }
  TEST_CASE_FIXTURE(FileFixture, "by another program is busy at open, and opens when released") {
    make();
    {
      OtherProgram other(file);
      other.run("PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE; SELECT * FROM log");
      CHECK(refused().code == Errc::busy);
    }
    CHECK(open() != nullptr);
  }
  TEST_CASE_FIXTURE(FileFixture, "while it is open is busy for append() alone; then it goes on") {
    make();
    const auto store = open();
    const std::vector<Draft> drafts{draft("ann", "bob", "next", "c1")};
    OtherProgram other(file);
    other.run("BEGIN IMMEDIATE");

    const auto refused_batch = append_to(*store, drafts);
    REQUIRE_FALSE(refused_batch.has_value());
    CHECK(refused_batch.error().code == Errc::busy);
    CHECK(store->read_log(Position{0}, 10)->items.size() == 1);

    other.run("COMMIT");
    const auto taken = append_to(*store, drafts);
    REQUIRE(taken.has_value());
    CHECK_FALSE((*taken)[0]->repeated);
    CHECK(position_of((*taken)[0]->change) == Position{2});
  }
}
