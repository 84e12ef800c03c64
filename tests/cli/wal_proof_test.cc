// SPDX-License-Identifier: Apache-2.0
// What `symphainy wal` and `key` prove to somebody who keeps a checkpoint elsewhere, or was given a bundle.
#include <filesystem>
#include <fstream>
#include <sys/stat.h>

#include "program.h"

namespace symphainy::tests {
namespace {

class WalProof : public ProgramTest {
 protected:
  void SetUp() override {
    fill_store();
    ASSERT_EQ(run({"key", "create", "audit.key"}).code, 0);
  }
  std::string path(const std::string& name) { return directory_ / name; }
  std::string read_whole_file(const std::string& name) {
    std::ifstream file(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void keep_checkpoint(const std::string& name) {
    const Ended made = run({"wal", "checkpoint", "--data", "data", "--key", "audit.key"});
    ASSERT_EQ(made.code, 0) << made.err;
    write_file(name, made.out);
  }
  Ended verify_against(const std::string& checkpoint) {
    return run({"wal", "verify", "--data", "data", "--against", checkpoint, "--public-key", "audit.key.pub"});
  }
};

TEST_F(WalProof, AKeyIsKeptFromOthersAndNeverReplaced) {
  struct stat status{};
  ASSERT_EQ(::stat(path("audit.key").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  const std::string before = read_whole_file("audit.key");
  const Ended again = run({"key", "create", "audit.key"});
  EXPECT_NE(again.code, 0);
  EXPECT_FALSE(again.err.empty());
  EXPECT_EQ(read_whole_file("audit.key"), before);
}

TEST_F(WalProof, ALogThatWentOnAgreesWithItsCheckpoint) {
  keep_checkpoint("monday");
  fill_store();
  const Ended ended = verify_against("monday");
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(ended.json().find("checkpoint")->find("agrees")->as_bool(), true);
  EXPECT_EQ(ended.json().find("note"), nullptr);
  const Ended without = run({"wal", "verify", "--data", "data"});
  EXPECT_NE(text(without.json(), "note").find("--against"), std::string::npos);
}

TEST_F(WalProof, AnOlderDirectoryPutBackIsNoticedAgainstTheCheckpointOnly) {
  std::filesystem::copy(path("data"), path("older"), std::filesystem::copy_options::recursive);
  fill_store();
  keep_checkpoint("tuesday");
  std::filesystem::remove_all(path("data"));
  std::filesystem::rename(path("older"), path("data"));
  EXPECT_EQ(run({"wal", "verify", "--data", "data"}).code, 0) << "by itself it is whole";
  const Ended ended = verify_against("tuesday");
  EXPECT_EQ(ended.code, 3);
  EXPECT_EQ(ended.json().find("intact")->as_bool(), false);
  EXPECT_NE(ended.err.find("an older copy was put back"), std::string::npos) << ended.err;
  // It went on differently, beyond where the checkpoint speaks of.
  for (int i = 0; i < 3; ++i) fill_store();
  EXPECT_EQ(verify_against("tuesday").code, 3);
}

TEST_F(WalProof, AnotherStoresCheckpointOrSomebodyElsesIsRefused) {
  keep_checkpoint("ours");
  std::filesystem::rename(path("data"), path("first"));
  fill_store();
  const Ended other_store = verify_against("ours");
  EXPECT_EQ(other_store.code, 3);
  EXPECT_NE(other_store.err.find("another store"), std::string::npos) << other_store.err;
  ASSERT_EQ(run({"key", "create", "other.key"}).code, 0);
  const Ended other_signer =
      run({"wal", "verify", "--data", "first", "--against", "ours", "--public-key", "other.key.pub"});
  EXPECT_NE(other_signer.code, 0);
  EXPECT_NE(other_signer.err.find("was signed with key"), std::string::npos) << other_signer.err;
  write_file("edited", "x" + read_whole_file("ours"));
  EXPECT_NE(verify_against("edited").code, 0);
}

TEST_F(WalProof, ABundleIsCheckedWithoutTheStore) {
  const Ended written =
      run({"wal", "export", "--data", "data", "--tenant", "acme", "--key", "audit.key", "--out", "acme.bundle"});
  ASSERT_EQ(written.code, 0) << written.err;
  std::filesystem::remove_all(path("data"));
  const Ended sound = run({"wal", "verify", "acme.bundle", "--public-key", "audit.key.pub"});
  EXPECT_EQ(sound.code, 0) << sound.err;
  EXPECT_EQ(text(sound.json(), "tenant"), "acme");
  EXPECT_EQ(sound.json().find("records")->as_uint64(), written.json().find("records")->as_uint64());
  std::string bundle = read_whole_file("acme.bundle");
  bundle.resize(bundle.rfind('\n', bundle.size() - 2) + 1);
  write_file("cut.bundle", bundle);
  const Ended cut = run({"wal", "verify", "cut.bundle"});
  EXPECT_EQ(cut.code, 3);
  EXPECT_NE(cut.err.find("the bundle is damaged in line"), std::string::npos) << cut.err;
}

TEST_F(WalProof, ExportsOneTenantThatIsThere) {
  const Ended everybody = run({"wal", "export", "--data", "data", "--tenant", "*", "--key", "audit.key"});
  EXPECT_EQ(everybody.code, 2);
  const Ended nobody = run({"wal", "export", "--data", "data", "--tenant", "nobody", "--key", "audit.key"});
  EXPECT_EQ(nobody.code, 2);
  EXPECT_NE(nobody.err.find("'nobody' has no records"), std::string::npos) << nobody.err;
  const Ended keyless = run({"wal", "checkpoint", "--data", "data"});
  EXPECT_EQ(keyless.code, 2);
  EXPECT_NE(keyless.err.find("symphainy key create"), std::string::npos) << keyless.err;
}

TEST_F(WalProof, TellsATenantsChainAndChecksOnlyTheEndWhenAsked) {
  const Ended ended = run({"wal", "verify", "--data", "data", "--tenant", "acme", "--from", "5"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  const Json answer = ended.json();
  const Json* tenant = answer.find("tenant");
  ASSERT_NE(tenant, nullptr);
  EXPECT_EQ(tenant->find("chains")->size(), 1U);
  EXPECT_GT(tenant->find("chains")->at(0).find("records")->as_uint64(), 5U);
}

}  // namespace
}  // namespace symphainy::tests
