#pragma once
// The tables, and the steps from those of earlier versions. For sqlite.cc only.

namespace weft::store::sqlite {

// history holds each state of each resource; heads says which one is current.
constexpr const char* kSchema = R"(
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE revisions(revision INTEGER PRIMARY KEY, at_unix_ms INTEGER NOT NULL, principal TEXT NOT NULL, text TEXT NOT NULL);
CREATE TABLE history(revision INTEGER NOT NULL, kind TEXT NOT NULL, ns TEXT NOT NULL, name TEXT NOT NULL, json TEXT, owner TEXT NOT NULL,
  PRIMARY KEY(kind, ns, name, revision)) WITHOUT ROWID;
CREATE INDEX history_by_revision ON history(revision);
CREATE TABLE heads(kind TEXT NOT NULL, ns TEXT NOT NULL, name TEXT NOT NULL, revision INTEGER NOT NULL,
  PRIMARY KEY(kind, ns, name)) WITHOUT ROWID;
CREATE TABLE instances(service TEXT NOT NULL, id TEXT NOT NULL, json TEXT NOT NULL, PRIMARY KEY(service, id)) WITHOUT ROWID;
CREATE TABLE released(cohort TEXT PRIMARY KEY, revision INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE rollouts(revision INTEGER PRIMARY KEY, json TEXT NOT NULL);
INSERT INTO released VALUES('default', 0);
INSERT INTO meta VALUES('schema', '2');
INSERT INTO meta VALUES('epoch', '0');
)";

// Databases of schema 1 become schema 2, which knows rollouts.
constexpr const char* kFrom1To2 = R"(
CREATE TABLE rollouts(revision INTEGER PRIMARY KEY, json TEXT NOT NULL);
UPDATE meta SET value = '2' WHERE key = 'schema';
)";

}  // namespace weft::store::sqlite
