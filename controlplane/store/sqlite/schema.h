#pragma once
// The tables, and the steps from those of earlier versions. For sqlite.cc only.

namespace weft::store::sqlite {

// history holds each state of each resource; heads says which one is current.
constexpr const char* kSchema = R"(
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE revisions(revision INTEGER PRIMARY KEY, at_unix_ms INTEGER NOT NULL, principal TEXT NOT NULL, text TEXT NOT NULL);
CREATE TABLE history(revision INTEGER NOT NULL, kind TEXT NOT NULL, ns TEXT NOT NULL, name TEXT NOT NULL, json TEXT, owner TEXT NOT NULL,
  sum INTEGER, PRIMARY KEY(kind, ns, name, revision)) WITHOUT ROWID;
CREATE INDEX history_by_revision ON history(revision);
CREATE TABLE heads(kind TEXT NOT NULL, ns TEXT NOT NULL, name TEXT NOT NULL, revision INTEGER NOT NULL,
  PRIMARY KEY(kind, ns, name)) WITHOUT ROWID;
CREATE TABLE instances(service TEXT NOT NULL, id TEXT NOT NULL, json TEXT NOT NULL, sum INTEGER,
  PRIMARY KEY(service, id)) WITHOUT ROWID;
CREATE TABLE released(cohort TEXT PRIMARY KEY, revision INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE rollouts(revision INTEGER PRIMARY KEY, json TEXT NOT NULL, sum INTEGER);
INSERT INTO released VALUES('default', 0);
INSERT INTO meta VALUES('schema', '3');
INSERT INTO meta VALUES('epoch', '0');
)";

// Databases of schema 1 become schema 2, which knows rollouts.
constexpr const char* kFrom1To2 = R"(
CREATE TABLE rollouts(revision INTEGER PRIMARY KEY, json TEXT NOT NULL);
UPDATE meta SET value = '2' WHERE key = 'schema';
)";

// Schema 3 has a checksum in each row (sums.h).
constexpr const char* kFrom2To3 = R"(
ALTER TABLE history ADD COLUMN sum INTEGER;
ALTER TABLE instances ADD COLUMN sum INTEGER;
ALTER TABLE rollouts ADD COLUMN sum INTEGER;
UPDATE history SET sum = weft_sum(revision, kind, ns, name, json, owner);
UPDATE instances SET sum = weft_sum(service, id, json);
UPDATE rollouts SET sum = weft_sum(revision, json);
UPDATE meta SET value = '3' WHERE key = 'schema';
)";

}  // namespace weft::store::sqlite
