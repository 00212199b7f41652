BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0012');
CREATE TABLE alerts (
	rule TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	data TEXT NOT NULL, 
	PRIMARY KEY (rule, subject)
);
INSERT INTO "alerts" VALUES('down','vyvx/1','{"rule":"down","subject":"vyvx/1","state":"firing","since":"2026-11-21T09:30:00.123457Z","due":null,"value":"offline","entered_from":"online","incident":"i1","lingering":false,"unwell":false,"unclear_since":null,"measured":null}');
CREATE TABLE calendars (
	rota TEXT NOT NULL, 
	data TEXT NOT NULL, 
	PRIMARY KEY (rota)
);
CREATE TABLE calls (
	account TEXT NOT NULL, 
	month TEXT NOT NULL, 
	count BIGINT NOT NULL, 
	PRIMARY KEY (account, month)
);
CREATE TABLE daemons (
	session TEXT NOT NULL, 
	instance TEXT NOT NULL, 
	since BIGINT NOT NULL, 
	until BIGINT NOT NULL, clock BIGINT, 
	PRIMARY KEY (session)
);
CREATE TABLE entries (
	incident TEXT NOT NULL, 
	number BIGINT NOT NULL, 
	kind TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	data TEXT NOT NULL, 
	PRIMARY KEY (incident, number)
);
INSERT INTO "entries" VALUES('i1',1,'opened',1795253400123457,'{"incident":"i1","number":1,"kind":"opened","at":"2026-11-21T09:30:00.123457Z","text":"ABC went offline","by":"","notify":true,"data":{"from":"online","minutes":3}}');
CREATE TABLE inbox (
	number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	"key" TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	kind TEXT NOT NULL, 
	data TEXT NOT NULL, 
	consumed_at BIGINT, refusal TEXT, 
	UNIQUE ("key")
);
INSERT INTO "inbox" VALUES(1,'cli/1',1795253400123457,'acknowledged','{"incident":"i1","by":"ada"}',NULL,NULL);
CREATE TABLE incident_alerts (
	incident TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	rule TEXT NOT NULL, 
	state TEXT NOT NULL, 
	data TEXT NOT NULL, 
	PRIMARY KEY (incident, subject, rule)
);
INSERT INTO "incident_alerts" VALUES('i1','vyvx/1','down','firing','{"incident":"i1","subject":"vyvx/1","rule":"down","name":"ABC","labels":{"customer":"acme"},"state":"firing","from_":"online","to":"offline","value":null,"metric":"","limit":null,"unit":"","direction":"","window":"","place":"","since":"2026-11-21T09:30:00.123457Z","until":null,"unseen_since":null,"unwell_since":null,"fields":{"state":"offline"},"flips":[],"flapping":false}');
CREATE TABLE incidents (
	id TEXT NOT NULL, 
	status TEXT NOT NULL, 
	version BIGINT NOT NULL, 
	entries BIGINT NOT NULL, 
	opened_at BIGINT NOT NULL, 
	resolved_at BIGINT, 
	rule TEXT NOT NULL, 
	source TEXT NOT NULL, 
	"group" TEXT NOT NULL, 
	data TEXT NOT NULL, remedying BOOLEAN DEFAULT 0 NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "incidents" VALUES('i1','open',1,1,1795253400123457,NULL,'down','vyvx','vyvx/1','{"id":"i1","version":1,"entries":1,"rule":"down","source":"vyvx","group":"vyvx/1","status":"open","resolution":null,"severity":"critical","title":"ABC is offline","summary":"","opened_at":"2026-11-21T09:30:00.123457Z","resolved_at":null,"acknowledged_by":null,"acknowledged_at":null,"fault_domain":"lumen","contacts":[{"domain":"lumen","text":"Lumen NOC"}],"flags":[],"notify":["noc","mqtt"],"receivers":[],"fallbacks":[],"fallback":null,"tell_at":null,"told_at":null,"reminded_at":null,"escalated":0,"suppressed_by":[],"examined":[],"accepts_until":null,"diagnostics":[{"run":"r1","incident":"i1","service_id":"SVC1","status":"done","disposition":"","findings":["no light"],"actions":[],"message":"","report":{"run":"r1","filename":"r1.pdf","size":3,"sha256":"ab","pages":0,"preview":false},"started_at":"2026-11-21T09:30:00.123457Z","finished_at":null}],"remedy":null,"runbook":"","fault":"","began_at":null,"ended_at":null,"turn":null,"services":[],"suppressions":[],"unattended_since":null,"unattended":null,"steps":[],"acks":[],"acks_needed":1,"reminders":0,"expiry_said":false,"ticket":null,"planned":null}',0);
CREATE TABLE jobs (
	kind TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	incident TEXT NOT NULL, 
	service_id TEXT NOT NULL, 
	attempts INTEGER NOT NULL, 
	due BIGINT NOT NULL, 
	token BIGINT NOT NULL, 
	lease_until BIGINT, holder TEXT, data TEXT, 
	PRIMARY KEY (kind, "key")
);
INSERT INTO "jobs" VALUES('diagnose','r2','i1','SVC2',0,1795253400123457,0,NULL,NULL,NULL);
CREATE TABLE journal (
	number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	at BIGINT NOT NULL, 
	kind TEXT NOT NULL, 
	data TEXT NOT NULL
);
INSERT INTO "journal" VALUES(1,1795253400123457,'ticked','{}');
CREATE TABLE lease (
	name TEXT NOT NULL, 
	owner TEXT NOT NULL, 
	token BIGINT NOT NULL, 
	taken_at BIGINT NOT NULL, session TEXT DEFAULT '' NOT NULL, stepped BIGINT DEFAULT '0' NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "lease" VALUES('ingest','old',1,1795253400123457,'d84ffb8fea9ed593',0);
CREATE TABLE mailboxes (
	name TEXT NOT NULL, 
	validity BIGINT NOT NULL, 
	uid BIGINT NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE mails (
	"key" TEXT NOT NULL, 
	read_at BIGINT NOT NULL, 
	PRIMARY KEY ("key")
);
CREATE TABLE notifications (
	number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	incident TEXT NOT NULL, 
	data TEXT NOT NULL
);
CREATE TABLE papers (
	run TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	pdf BLOB NOT NULL, 
	preview BLOB NOT NULL, 
	raw BLOB NOT NULL, 
	PRIMARY KEY (run)
);
CREATE TABLE receipts (
	incident TEXT NOT NULL, 
	receiver TEXT NOT NULL, 
	parent_version BIGINT NOT NULL, 
	told_through BIGINT NOT NULL, 
	failures INTEGER NOT NULL, 
	owed BOOLEAN NOT NULL, 
	owed_since BIGINT, 
	due BIGINT, 
	token BIGINT NOT NULL, 
	lease_until BIGINT, 
	data TEXT NOT NULL, holder TEXT, 
	PRIMARY KEY (incident, receiver)
);
INSERT INTO "receipts" VALUES('i1','noc',1,1,0,0,NULL,NULL,0,NULL,'{"incident":"i1","receiver":"noc","parent_version":1,"told_through":1,"handle":{"channel":"C1","ts":"1.0"},"files":{},"intent":"","due":null,"failures":0,"failing_since":null,"error":"","notification":null}','d84ffb8fea9ed593');
INSERT INTO "receipts" VALUES('i1','mqtt',0,0,0,1,1795253400123457,0,0,NULL,'{"incident":"i1","receiver":"mqtt","parent_version":0,"told_through":0,"handle":{},"files":{},"intent":"","due":null,"failures":0,"failing_since":null,"error":"","notification":null}',NULL);
CREATE TABLE runs (
	run TEXT NOT NULL, 
	service_id TEXT NOT NULL, 
	incident TEXT NOT NULL, 
	starts INTEGER NOT NULL, 
	started_at BIGINT NOT NULL, 
	finished_at BIGINT, 
	lease_until BIGINT, 
	PRIMARY KEY (run)
);
CREATE TABLE samples (
	subject TEXT NOT NULL, 
	metric TEXT NOT NULL, 
	direction TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	value FLOAT NOT NULL, 
	PRIMARY KEY (subject, metric, direction, at)
)
 WITHOUT ROWID

;
CREATE TABLE self_checks (
	name TEXT NOT NULL, 
	data TEXT NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE silences (
	id TEXT NOT NULL, 
	"end" BIGINT NOT NULL, 
	data TEXT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE sources (
	name TEXT NOT NULL, 
	data TEXT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "sources" VALUES('vyvx','{"source":"vyvx","sight":"seen","last_success":"2026-11-21T09:30:00.123457Z","failing_since":null,"error":"","permanent":false,"subjects":1,"seen_since":null,"remarks":[],"stepped_at":null}');
CREATE TABLE subjects (
	"key" TEXT NOT NULL, 
	source TEXT NOT NULL, 
	data TEXT NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "subjects" VALUES('vyvx/1','vyvx','{"key":"vyvx/1","source":"vyvx","fields":{"state":"offline","utilization":81.5,"missing":null,"on":true,"count":3},"previous":{"state":"online"},"labels":{"customer":"Ácme <!channel>"},"bookings":[{"id":"9","scheduled":{"start":"2026-11-21T09:30:00.123457Z","end":"2026-11-21T10:30:00.123457Z"},"reserved":{"start":null,"end":null},"actual":{"start":null,"end":null},"activated":[],"terminal":false}],"notes":[],"asked_at":null,"detailed_at":null,"answered_at":null,"since":"2026-11-21T09:30:00.123457Z","vendor_time":"2026-11-21T09:29:59.123457Z","missed":0,"judged_until":null,"listed_at":null,"told":[],"silent_since":null}');
CREATE TABLE unserved (
	address TEXT NOT NULL, 
	told_at BIGINT NOT NULL, 
	PRIMARY KEY (address)
);
CREATE TABLE works (
	"key" TEXT NOT NULL, 
	"end" BIGINT NOT NULL, 
	data TEXT NOT NULL, 
	PRIMARY KEY ("key")
);
CREATE INDEX ix_samples_at ON samples (at);
CREATE INDEX ix_alerts_subject ON alerts (subject);
CREATE INDEX ix_incidents_opened ON incidents (opened_at);
CREATE INDEX ix_incidents_status ON incidents (status, resolved_at);
CREATE INDEX ix_receipts_due ON receipts (receiver, due, owed_since, incident);
CREATE INDEX ix_inbox_waiting ON inbox (consumed_at, number);
CREATE INDEX ix_jobs_due ON jobs (kind, due);
CREATE INDEX ix_runs_service ON runs (service_id, started_at);
CREATE INDEX ix_runs_incident ON runs (incident);
CREATE INDEX ix_runs_started ON runs (started_at);
CREATE INDEX ix_papers_at ON papers (at);
CREATE INDEX ix_journal_at ON journal (at);
CREATE INDEX ix_works_end ON works ("end");
CREATE INDEX ix_notifications_incident ON notifications (incident, number);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('journal',1);
INSERT INTO "sqlite_sequence" VALUES('inbox',1);
COMMIT;
