BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0005');
CREATE TABLE alerts (
	rule TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	data TEXT NOT NULL, 
	PRIMARY KEY (rule, subject)
);
INSERT INTO "alerts" VALUES('vyvx-service-down','vyvx/4','{"rule":"vyvx-service-down","subject":"vyvx/4","state":"resolved","since":"2026-11-21T03:01:00Z","due":null,"value":"offline","entered_from":"online","incident":null}');
INSERT INTO "alerts" VALUES('vyvx-service-down','vyvx/1','{"rule":"vyvx-service-down","subject":"vyvx/1","state":"firing","since":"2026-11-21T03:01:40.300000Z","due":null,"value":"offline","entered_from":"online","incident":"w-y2qaxp0z"}');
INSERT INTO "alerts" VALUES('vyvx-service-impaired','vyvx/6','{"rule":"vyvx-service-impaired","subject":"vyvx/6","state":"firing","since":"2026-11-21T03:08:10.300000Z","due":null,"value":"impaired","entered_from":"online","incident":"w-215wye9h"}');
INSERT INTO "alerts" VALUES('vyvx-source-side','vyvx/6','{"rule":"vyvx-source-side","subject":"vyvx/6","state":"firing","since":"2026-11-21T03:09:40.300000Z","due":null,"value":null,"entered_from":null,"incident":"w-nd6p8yh6"}');
INSERT INTO "alerts" VALUES('vyvx-service-down','vyvx/5','{"rule":"vyvx-service-down","subject":"vyvx/5","state":"firing","since":"2026-11-21T03:12:00.300000Z","due":"2026-11-21T03:15:30Z","value":"offline","entered_from":"online","incident":"w-dmhbjgpf"}');
INSERT INTO "alerts" VALUES('vyvx-service-degraded','vyvx/2','{"rule":"vyvx-service-degraded","subject":"vyvx/2","state":"firing","since":"2026-11-21T03:13:40.300000Z","due":"2026-11-21T03:15:40Z","value":"degraded","entered_from":"online","incident":"w-2xzk4024"}');
INSERT INTO "alerts" VALUES('vyvx-service-down','vyvx/2','{"rule":"vyvx-service-down","subject":"vyvx/2","state":"firing","since":"2026-11-21T03:15:00.300000Z","due":null,"value":"offline","entered_from":"degraded","incident":"w-3fw4sssz"}');
INSERT INTO "alerts" VALUES('vyvx-service-down','vyvx/3','{"rule":"vyvx-service-down","subject":"vyvx/3","state":"pending","since":"2026-11-21T03:15:05Z","due":"2026-11-21T03:15:25Z","value":"offline","entered_from":"online","incident":null}');
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
	until BIGINT NOT NULL, 
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
INSERT INTO "entries" VALUES('w-v5045ys2',1,'opened',1795230040300000,'{"incident":"w-v5045ys2","number":1,"kind":"opened","at":"2026-11-21T03:00:40.300000Z","text":"offline since 03:00:20 UTC, was online; schedule unknown","by":"","notify":true,"data":{"subject":"vyvx/4"}}');
INSERT INTO "entries" VALUES('w-v5045ys2',2,'resolved',1795230060000000,'{"incident":"w-v5045ys2","number":2,"kind":"resolved","at":"2026-11-21T03:01:00Z","text":"resolved by ana","by":"ana","notify":true,"data":{}}');
INSERT INTO "entries" VALUES('w-y2qaxp0z',1,'opened',1795230100300000,'{"incident":"w-y2qaxp0z","number":1,"kind":"opened","at":"2026-11-21T03:01:40.300000Z","text":"offline since 03:01:20 UTC, was online; schedule unknown","by":"","notify":true,"data":{"subject":"vyvx/1"}}');
INSERT INTO "entries" VALUES('w-y2qaxp0z',2,'acknowledged',1795230120000000,'{"incident":"w-y2qaxp0z","number":2,"kind":"acknowledged","at":"2026-11-21T03:02:00Z","text":"acknowledged by ana","by":"ana","notify":false,"data":{}}');
INSERT INTO "entries" VALUES('w-215wye9h',1,'opened',1795230490300000,'{"incident":"w-215wye9h","number":1,"kind":"opened","at":"2026-11-21T03:08:10.300000Z","text":"impaired since 03:03:10 UTC, was online; schedule unknown","by":"","notify":true,"data":{"subject":"vyvx/6"}}');
INSERT INTO "entries" VALUES('w-215wye9h',2,'changed',1795230520000000,'{"incident":"w-215wye9h","number":2,"kind":"changed","at":"2026-11-21T03:08:40Z","text":"the likely side of the fault is now source","by":"","notify":false,"data":{}}');
INSERT INTO "entries" VALUES('w-nd6p8yh6',1,'opened',1795230580300000,'{"incident":"w-nd6p8yh6","number":1,"kind":"opened","at":"2026-11-21T03:09:40.300000Z","text":"the condition of vyvx-source-side has held since 03:08:40 UTC; schedule unknown","by":"","notify":true,"data":{"subject":"vyvx/6"}}');
INSERT INTO "entries" VALUES('w-dmhbjgpf',1,'opened',1795230720300000,'{"incident":"w-dmhbjgpf","number":1,"kind":"opened","at":"2026-11-21T03:12:00.300000Z","text":"offline since 03:11:40 UTC, was online; schedule unknown","by":"","notify":true,"data":{"subject":"vyvx/5"}}');
INSERT INTO "entries" VALUES('w-2xzk4024',1,'opened',1795230820300000,'{"incident":"w-2xzk4024","number":1,"kind":"opened","at":"2026-11-21T03:13:40.300000Z","text":"degraded since 03:13:20 UTC, was online; schedule unknown","by":"","notify":true,"data":{"subject":"vyvx/2"}}');
INSERT INTO "entries" VALUES('w-3fw4sssz',1,'opened',1795230900300000,'{"incident":"w-3fw4sssz","number":1,"kind":"opened","at":"2026-11-21T03:15:00.300000Z","text":"offline since 03:14:40 UTC, was degraded; schedule unknown","by":"","notify":true,"data":{"subject":"vyvx/2"}}');
CREATE TABLE inbox (
	number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	"key" TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	kind TEXT NOT NULL, 
	data TEXT NOT NULL, 
	consumed_at BIGINT, 
	UNIQUE ("key")
);
CREATE TABLE incident_alerts (
	incident TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	rule TEXT NOT NULL, 
	state TEXT NOT NULL, 
	data TEXT NOT NULL, 
	PRIMARY KEY (incident, subject, rule)
);
INSERT INTO "incident_alerts" VALUES('w-v5045ys2','vyvx/4','vyvx-service-down','resolved','{"incident":"w-v5045ys2","subject":"vyvx/4","rule":"vyvx-service-down","name":"4","labels":{},"state":"resolved","from_":"online","to":"offline","value":null,"metric":"","limit":null,"since":"2026-11-21T03:00:20Z","fields":{"state":"offline","ingress_state":"online"},"flips":["2026-11-21T03:00:20Z"],"flapping":false}');
INSERT INTO "incident_alerts" VALUES('w-y2qaxp0z','vyvx/1','vyvx-service-down','firing','{"incident":"w-y2qaxp0z","subject":"vyvx/1","rule":"vyvx-service-down","name":"1","labels":{},"state":"firing","from_":"online","to":"offline","value":null,"metric":"","limit":null,"since":"2026-11-21T03:01:20Z","fields":{"state":"offline","ingress_state":"online"},"flips":["2026-11-21T03:01:20Z"],"flapping":false}');
INSERT INTO "incident_alerts" VALUES('w-215wye9h','vyvx/6','vyvx-service-impaired','firing','{"incident":"w-215wye9h","subject":"vyvx/6","rule":"vyvx-service-impaired","name":"6","labels":{},"state":"firing","from_":"online","to":"impaired","value":null,"metric":"","limit":null,"since":"2026-11-21T03:03:10Z","fields":{"state":"impaired","ingress_state":"offline"},"flips":["2026-11-21T03:03:10Z"],"flapping":false}');
INSERT INTO "incident_alerts" VALUES('w-nd6p8yh6','vyvx/6','vyvx-source-side','firing','{"incident":"w-nd6p8yh6","subject":"vyvx/6","rule":"vyvx-source-side","name":"6","labels":{},"state":"firing","from_":null,"to":null,"value":null,"metric":"","limit":null,"since":"2026-11-21T03:08:40Z","fields":{"state":"impaired","ingress_state":"offline"},"flips":["2026-11-21T03:08:40Z"],"flapping":false}');
INSERT INTO "incident_alerts" VALUES('w-dmhbjgpf','vyvx/5','vyvx-service-down','firing','{"incident":"w-dmhbjgpf","subject":"vyvx/5","rule":"vyvx-service-down","name":"5","labels":{},"state":"firing","from_":"online","to":"offline","value":null,"metric":"","limit":null,"since":"2026-11-21T03:11:40Z","fields":{"state":"offline","ingress_state":"online"},"flips":["2026-11-21T03:11:40Z","2026-11-21T03:14:30Z"],"flapping":false}');
INSERT INTO "incident_alerts" VALUES('w-2xzk4024','vyvx/2','vyvx-service-degraded','firing','{"incident":"w-2xzk4024","subject":"vyvx/2","rule":"vyvx-service-degraded","name":"2","labels":{},"state":"firing","from_":"online","to":"degraded","value":null,"metric":"","limit":null,"since":"2026-11-21T03:13:20Z","fields":{"state":"degraded","ingress_state":"online"},"flips":["2026-11-21T03:13:20Z","2026-11-21T03:14:40Z"],"flapping":false}');
INSERT INTO "incident_alerts" VALUES('w-3fw4sssz','vyvx/2','vyvx-service-down','firing','{"incident":"w-3fw4sssz","subject":"vyvx/2","rule":"vyvx-service-down","name":"2","labels":{},"state":"firing","from_":"degraded","to":"offline","value":null,"metric":"","limit":null,"since":"2026-11-21T03:14:40Z","fields":{"state":"offline","ingress_state":"online"},"flips":["2026-11-21T03:14:40Z"],"flapping":false}');
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
INSERT INTO "incidents" VALUES('w-v5045ys2','resolved',2,2,1795230040300000,1795230060000000,'vyvx-service-down','vyvx','vyvx/4','{"id":"w-v5045ys2","version":2,"entries":2,"rule":"vyvx-service-down","source":"vyvx","group":"vyvx/4","status":"resolved","resolution":"manual","severity":"critical","title":"4 is offline: likely lumen side","summary":"","opened_at":"2026-11-21T03:00:40.300000Z","resolved_at":"2026-11-21T03:01:00Z","acknowledged_by":null,"acknowledged_at":null,"fault_domain":"lumen","contacts":[],"flags":[],"notify":["noc"],"receivers":["noc"],"fallbacks":[],"fallback":null,"tell_at":"2026-11-21T03:00:40.300000Z","told_at":"2026-11-21T03:00:40.300000Z","reminded_at":null,"escalated":0,"suppressed_by":[],"examined":[],"accepts_until":null,"diagnostics":[],"remedy":null,"runbook":""}',0);
INSERT INTO "incidents" VALUES('w-y2qaxp0z','acknowledged',2,2,1795230100300000,NULL,'vyvx-service-down','vyvx','vyvx/1','{"id":"w-y2qaxp0z","version":2,"entries":2,"rule":"vyvx-service-down","source":"vyvx","group":"vyvx/1","status":"acknowledged","resolution":null,"severity":"critical","title":"1 is offline: likely lumen side","summary":"","opened_at":"2026-11-21T03:01:40.300000Z","resolved_at":null,"acknowledged_by":"ana","acknowledged_at":"2026-11-21T03:02:00Z","fault_domain":"lumen","contacts":[],"flags":[],"notify":["noc"],"receivers":["noc"],"fallbacks":[],"fallback":null,"tell_at":"2026-11-21T03:01:40.300000Z","told_at":"2026-11-21T03:01:40.300000Z","reminded_at":null,"escalated":0,"suppressed_by":[],"examined":[],"accepts_until":null,"diagnostics":[],"remedy":null,"runbook":""}',0);
INSERT INTO "incidents" VALUES('w-215wye9h','open',2,2,1795230490300000,NULL,'vyvx-service-impaired','vyvx','vyvx/6','{"id":"w-215wye9h","version":2,"entries":2,"rule":"vyvx-service-impaired","source":"vyvx","group":"vyvx/6","status":"open","resolution":null,"severity":"info","title":"6 is impaired","summary":"","opened_at":"2026-11-21T03:08:10.300000Z","resolved_at":null,"acknowledged_by":null,"acknowledged_at":null,"fault_domain":"source","contacts":[],"flags":[],"notify":["noc"],"receivers":["noc"],"fallbacks":[],"fallback":null,"tell_at":"2026-11-21T03:08:10.300000Z","told_at":"2026-11-21T03:08:10.300000Z","reminded_at":null,"escalated":0,"suppressed_by":[],"examined":[],"accepts_until":null,"diagnostics":[],"remedy":null,"runbook":""}',0);
INSERT INTO "incidents" VALUES('w-nd6p8yh6','open',1,1,1795230580300000,NULL,'vyvx-source-side','vyvx','vyvx/6','{"id":"w-nd6p8yh6","version":1,"entries":1,"rule":"vyvx-source-side","source":"vyvx","group":"vyvx/6","status":"open","resolution":null,"severity":"warning","title":"6: the signal from the source is offline","summary":"","opened_at":"2026-11-21T03:09:40.300000Z","resolved_at":null,"acknowledged_by":null,"acknowledged_at":null,"fault_domain":"source","contacts":[],"flags":[],"notify":["noc"],"receivers":["noc"],"fallbacks":[],"fallback":null,"tell_at":"2026-11-21T03:09:40.300000Z","told_at":"2026-11-21T03:09:40.300000Z","reminded_at":null,"escalated":0,"suppressed_by":[],"examined":[],"accepts_until":null,"diagnostics":[],"remedy":null,"runbook":""}',0);
INSERT INTO "incidents" VALUES('w-dmhbjgpf','open',1,1,1795230720300000,NULL,'vyvx-service-down','vyvx','vyvx/5','{"id":"w-dmhbjgpf","version":1,"entries":1,"rule":"vyvx-service-down","source":"vyvx","group":"vyvx/5","status":"open","resolution":null,"severity":"critical","title":"5 is offline: likely lumen side","summary":"","opened_at":"2026-11-21T03:12:00.300000Z","resolved_at":null,"acknowledged_by":null,"acknowledged_at":null,"fault_domain":"lumen","contacts":[],"flags":[],"notify":["noc"],"receivers":["noc"],"fallbacks":[],"fallback":null,"tell_at":"2026-11-21T03:12:00.300000Z","told_at":"2026-11-21T03:12:00.300000Z","reminded_at":null,"escalated":0,"suppressed_by":[],"examined":[],"accepts_until":null,"diagnostics":[],"remedy":null,"runbook":""}',0);
INSERT INTO "incidents" VALUES('w-2xzk4024','open',1,1,1795230820300000,NULL,'vyvx-service-degraded','vyvx','vyvx/2','{"id":"w-2xzk4024","version":1,"entries":1,"rule":"vyvx-service-degraded","source":"vyvx","group":"vyvx/2","status":"open","resolution":null,"severity":"warning","title":"2 is degraded: likely lumen side","summary":"","opened_at":"2026-11-21T03:13:40.300000Z","resolved_at":null,"acknowledged_by":null,"acknowledged_at":null,"fault_domain":"lumen","contacts":[],"flags":[],"notify":["noc"],"receivers":["noc"],"fallbacks":[],"fallback":null,"tell_at":"2026-11-21T03:13:40.300000Z","told_at":"2026-11-21T03:13:40.300000Z","reminded_at":null,"escalated":0,"suppressed_by":[],"examined":[],"accepts_until":null,"diagnostics":[],"remedy":null,"runbook":""}',0);
INSERT INTO "incidents" VALUES('w-3fw4sssz','open',1,1,1795230900300000,NULL,'vyvx-service-down','vyvx','vyvx/2','{"id":"w-3fw4sssz","version":1,"entries":1,"rule":"vyvx-service-down","source":"vyvx","group":"vyvx/2","status":"open","resolution":null,"severity":"critical","title":"2 is offline: likely lumen side","summary":"","opened_at":"2026-11-21T03:15:00.300000Z","resolved_at":null,"acknowledged_by":null,"acknowledged_at":null,"fault_domain":"lumen","contacts":[],"flags":[],"notify":["noc"],"receivers":["noc"],"fallbacks":[],"fallback":null,"tell_at":"2026-11-21T03:15:00.300000Z","told_at":"2026-11-21T03:15:00.300000Z","reminded_at":null,"escalated":0,"suppressed_by":[],"examined":[],"accepts_until":null,"diagnostics":[],"remedy":null,"runbook":""}',0);
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
INSERT INTO "jobs" VALUES('details','vyvx/4','','',0,1795230020000000,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES('details','vyvx/1','','',0,1795230080000000,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES('details','vyvx/6','','',0,1795230190000000,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES('details','vyvx/5','','',0,1795230700000000,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES('details','vyvx/2','','',0,1795230800000000,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES('details','vyvx/3','','',0,1795230905000000,0,NULL,NULL,NULL);
CREATE TABLE journal (
	number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	at BIGINT NOT NULL, 
	kind TEXT NOT NULL, 
	data TEXT NOT NULL
);
INSERT INTO "journal" VALUES(1,1795230000000000,'rules','{"version":"61c8d5fa1595","started":true,"last_success":null}');
INSERT INTO "journal" VALUES(2,1795230000000000,'polled','{"source":"vyvx","seen":[{"key":"vyvx/1","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/2","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/3","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/4","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/5","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/6","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null}],"absent":[],"unreadable":[],"samples":[],"complete":true,"total":6}');
INSERT INTO "journal" VALUES(3,1795230020000000,'polled','{"source":"vyvx","seen":[{"key":"vyvx/1","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/2","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/3","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/4","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/5","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/6","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null}],"absent":[],"unreadable":[],"samples":[],"complete":true,"total":6}');
INSERT INTO "journal" VALUES(4,1795230040300000,'polled','{"source":"vyvx","seen":[{"key":"vyvx/1","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/2","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/3","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/4","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/5","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/6","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null}],"absent":[],"unreadable":[],"samples":[],"complete":true,"total":6}');
INSERT INTO "journal" VALUES(5,1795230060000000,'resolved_by_hand','{"incident":"w-v5045ys2","by":"ana"}');
INSERT INTO "journal" VALUES(6,1795230080000000,'polled','{"source":"vyvx","seen":[{"key":"vyvx/1","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/2","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/3","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/4","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/5","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/6","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null}],"absent":[],"unreadable":[],"samples":[],"complete":true,"total":6}');
INSERT INTO "journal" VALUES(7,1795230100300000,'polled','{"source":"vyvx","seen":[{"key":"vyvx/1","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/2","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/3","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/4","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/5","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/6","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null}],"absent":[],"unreadable":[],"samples":[],"complete":true,"total":6}');
INSERT INTO "journal" VALUES(8,1795230120000000,'acknowledged','{"incident":"w-y2qaxp0z","by":"ana"}');
INSERT INTO "journal" VALUES(9,1795230132000000,'checkpoint','cmeHL+mhNi5d9TO&#*Df<-y;Pr=3bs!fvw)vgDOy7<P((-_w%q7zPO0kjg&HybQW`pKkRz@|*DO>MIq&i~QwHY-lfXvE6T9Kh4Edc-y*yx*oJEMY_byH{pW}JYcIzD?=DlX6?xP<uGF6z+oyHM_Xmv<8{NRmMhXchM6mCH`s@5`7#y82I_uFzoBv|15R9Ii|5&VK3mK`XAgNc&llOBIKHGHmF^~)R_m#d#_z}-b$Ml?KNmLHk}0iQ235niv`MYJr&8qERD5mAHFj%FQ2M<gS)N5hg4LM*^5rl+f^%^joC%g2(F9^Yh+gvPr?Be%{DoLOd|>r0!F#+f<kjPCSpDv6n%(1?_M6->_1=VQbzk9Tp4?UyG%M}SFs?zmGbN`t1I6Nf8JKrvz!Mpf2iMZ!v=ltu7P60002X@w!0JjV07)i_W|{;kpU|~e>%TaEV=gjR_^|YCQGll3C+;GjNB*inqu}6WN0o^&$T{n<2GMB9)zXl`#+B5bV8Wmvp3y+w_iInNI+d~mtd^QwCpoU&zqB#Vjfy0ex=wdMYFNDmG2_HboSyi&YzHpiO3jUtXn`A1Aym%RJn-$#6{?Irvj0rwx0@M-Q)gzS9I(7*<YV^7L&kqm#QdDCVmI3_{+6#z_K#qc0ZjBFWryNwwVQ39vd5>rXFakd=aog7T1*9;b&BN{eqZzTB*oUww#{jPSn7#UgyPRO#G?d~r<Ix^A)K!Q3(f-nRS|oG3b7tPPL!W?>N1~bwIRKq=(Z*^@o<XQw{<NYFGs^RWG*PgEI-1yx9ftMOo5Qa#@HR?Bn!S3&PdnbsGHSj>aJv~!?LusQ~*;%D`8V%O^``hBN&yIBVns5Z2AI;TL_FfDoAlOMt!(kdW8eIkC%7N{>(sHpLOBHU6u{E%yU#LQyz(B@(2lJep0`_Z6M@X3`aoNCVG`v#N*tOC@f9zy*^IRluE9R^@wig2hO2#0MxaHH9yCYFIktOLlWOVMf=McQ*<0o#A}?U$@=RlI=@?r&ab5Cnatya#Op@F=CKQB!@TJ9$p0!wPyD@@qbKuze~u!}`=YuWaaiAnupAZGjv3KC5ZIO4Y9v291=HO4S=T?P`@)4`rmH2U4ty0Xw+4~l5nW21no!vbjPt&#RzumkK%Bk2{cn$bd=6-089RAmr(L;_Y1uSPib+1iYv1t{Y#cEdSNQm80^P$GiSNV5H~buY0~P;L@cPdY_XRKQdImgnd3^Q2M~$w$dRaF*H4gs*SE;Pu');
INSERT INTO "journal" VALUES(10,1795230133000000,'rules','{"version":"61c8d5fa1595","started":true,"last_success":"2026-11-21T03:02:10Z"}');
INSERT INTO "journal" VALUES(11,1795230133000000,'polled','{"source":"vyvx","seen":[{"key":"vyvx/1","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/2","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/3","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/4","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/5","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/6","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null}],"absent":[],"unreadable":[],"samples":[],"complete":true,"total":6}');
INSERT INTO "journal" VALUES(12,1795230190000000,'polled','{"source":"vyvx","seen":[{"key":"vyvx/1","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/2","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/3","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/4","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/5","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/6","fields":{"state":"impaired","ingress_state":"online"},"labels":{},"vendor_time":null}],"absent":[],"unreadable":[],"samples":[],"complete":true,"total":6}');
INSERT INTO "journal" VALUES(13,1795230490300000,'polled','{"source":"vyvx","seen":[{"key":"vyvx/1","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/2","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/3","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/4","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/5","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/6","fields":{"state":"impaired","ingress_state":"online"},"labels":{},"vendor_time":null}],"absent":[],"unreadable":[],"samples":[],"complete":true,"total":6}');
INSERT INTO "journal" VALUES(14,1795230520000000,'polled','{"source":"vyvx","seen":[{"key":"vyvx/1","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/2","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/3","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/4","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/5","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/6","fields":{"state":"impaired","ingress_state":"offline"},"labels":{},"vendor_time":null}],"absent":[],"unreadable":[],"samples":[],"complete":true,"total":6}');
INSERT INTO "journal" VALUES(15,1795230580300000,'polled','{"source":"vyvx","seen":[{"key":"vyvx/1","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/2","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/3","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/4","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/5","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/6","fields":{"state":"impaired","ingress_state":"offline"},"labels":{},"vendor_time":null}],"absent":[],"unreadable":[],"samples":[],"complete":true,"total":6}');
INSERT INTO "journal" VALUES(16,1795230700000000,'polled','{"source":"vyvx","seen":[{"key":"vyvx/1","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/2","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/3","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/4","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/5","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/6","fields":{"state":"impaired","ingress_state":"offline"},"labels":{},"vendor_time":null}],"absent":[],"unreadable":[],"samples":[],"complete":true,"total":6}');
INSERT INTO "journal" VALUES(17,1795230720300000,'polled','{"source":"vyvx","seen":[{"key":"vyvx/1","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/2","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/3","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/4","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/5","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/6","fields":{"state":"impaired","ingress_state":"offline"},"labels":{},"vendor_time":null}],"absent":[],"unreadable":[],"samples":[],"complete":true,"total":6}');
INSERT INTO "journal" VALUES(18,1795230800000000,'polled','{"source":"vyvx","seen":[{"key":"vyvx/1","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/2","fields":{"state":"degraded","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/3","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/4","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/5","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/6","fields":{"state":"impaired","ingress_state":"offline"},"labels":{},"vendor_time":null}],"absent":[],"unreadable":[],"samples":[],"complete":true,"total":6}');
INSERT INTO "journal" VALUES(19,1795230820300000,'polled','{"source":"vyvx","seen":[{"key":"vyvx/1","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/2","fields":{"state":"degraded","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/3","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/4","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/5","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/6","fields":{"state":"impaired","ingress_state":"offline"},"labels":{},"vendor_time":null}],"absent":[],"unreadable":[],"samples":[],"complete":true,"total":6}');
INSERT INTO "journal" VALUES(20,1795230870000000,'polled','{"source":"vyvx","seen":[{"key":"vyvx/1","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/2","fields":{"state":"degraded","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/3","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/4","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/5","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/6","fields":{"state":"impaired","ingress_state":"offline"},"labels":{},"vendor_time":null}],"absent":[],"unreadable":[],"samples":[],"complete":true,"total":6}');
INSERT INTO "journal" VALUES(21,1795230880000000,'polled','{"source":"vyvx","seen":[{"key":"vyvx/1","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/2","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/3","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/4","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/5","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/6","fields":{"state":"impaired","ingress_state":"offline"},"labels":{},"vendor_time":null}],"absent":[],"unreadable":[],"samples":[],"complete":true,"total":6}');
INSERT INTO "journal" VALUES(22,1795230900300000,'polled','{"source":"vyvx","seen":[{"key":"vyvx/1","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/2","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/3","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/4","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/5","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/6","fields":{"state":"impaired","ingress_state":"offline"},"labels":{},"vendor_time":null}],"absent":[],"unreadable":[],"samples":[],"complete":true,"total":6}');
INSERT INTO "journal" VALUES(23,1795230905000000,'polled','{"source":"vyvx","seen":[{"key":"vyvx/1","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/2","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/3","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/4","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/5","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/6","fields":{"state":"impaired","ingress_state":"offline"},"labels":{},"vendor_time":null}],"absent":[],"unreadable":[],"samples":[],"complete":true,"total":6}');
INSERT INTO "journal" VALUES(24,1795230910000000,'polled','{"source":"vyvx","seen":[{"key":"vyvx/1","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/2","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/3","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/4","fields":{"state":"offline","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/5","fields":{"state":"online","ingress_state":"online"},"labels":{},"vendor_time":null},{"key":"vyvx/6","fields":{"state":"impaired","ingress_state":"offline"},"labels":{},"vendor_time":null}],"absent":[],"unreadable":[],"samples":[],"complete":true,"total":6}');
CREATE TABLE lease (
	name TEXT NOT NULL, 
	owner TEXT NOT NULL, 
	token BIGINT NOT NULL, 
	taken_at BIGINT NOT NULL, session TEXT DEFAULT '' NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "lease" VALUES('ingest','test',2,1795230133000000,'c0a3710a12c04fe1');
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
INSERT INTO "receipts" VALUES('w-v5045ys2','noc',2,2,0,0,NULL,NULL,0,NULL,'{"incident":"w-v5045ys2","receiver":"noc","parent_version":2,"told_through":2,"handle":{"channel":"C0000NOC","ts":"131.000000"},"files":{},"intent":"","due":null,"failures":0,"failing_since":null,"error":""}','9bab4d7cd52d7e15');
INSERT INTO "receipts" VALUES('w-y2qaxp0z','noc',2,2,0,0,NULL,NULL,0,NULL,'{"incident":"w-y2qaxp0z","receiver":"noc","parent_version":2,"told_through":2,"handle":{"channel":"C0000NOC","ts":"131.000001"},"files":{},"intent":"","due":null,"failures":0,"failing_since":null,"error":""}','9bab4d7cd52d7e15');
INSERT INTO "receipts" VALUES('w-215wye9h','noc',2,2,0,0,NULL,NULL,0,NULL,'{"incident":"w-215wye9h","receiver":"noc","parent_version":2,"told_through":2,"handle":{"channel":"C0000NOC","ts":"912.000000"},"files":{},"intent":"","due":null,"failures":0,"failing_since":null,"error":""}','cacb378797942978');
INSERT INTO "receipts" VALUES('w-nd6p8yh6','noc',1,1,0,0,NULL,NULL,0,NULL,'{"incident":"w-nd6p8yh6","receiver":"noc","parent_version":1,"told_through":1,"handle":{"channel":"C0000NOC","ts":"912.000001"},"files":{},"intent":"","due":null,"failures":0,"failing_since":null,"error":""}','cacb378797942978');
INSERT INTO "receipts" VALUES('w-dmhbjgpf','noc',1,1,0,0,NULL,NULL,0,NULL,'{"incident":"w-dmhbjgpf","receiver":"noc","parent_version":1,"told_through":1,"handle":{"channel":"C0000NOC","ts":"912.000002"},"files":{},"intent":"","due":null,"failures":0,"failing_since":null,"error":""}','cacb378797942978');
INSERT INTO "receipts" VALUES('w-2xzk4024','noc',1,1,0,0,NULL,NULL,0,NULL,'{"incident":"w-2xzk4024","receiver":"noc","parent_version":1,"told_through":1,"handle":{"channel":"C0000NOC","ts":"912.000003"},"files":{},"intent":"","due":null,"failures":0,"failing_since":null,"error":""}','cacb378797942978');
INSERT INTO "receipts" VALUES('w-3fw4sssz','noc',1,1,0,0,NULL,NULL,0,NULL,'{"incident":"w-3fw4sssz","receiver":"noc","parent_version":1,"told_through":1,"handle":{"channel":"C0000NOC","ts":"912.000004"},"files":{},"intent":"","due":null,"failures":0,"failing_since":null,"error":""}','cacb378797942978');
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
INSERT INTO "sources" VALUES('vyvx','{"source":"vyvx","sight":"seen","last_success":"2026-11-21T03:15:10Z","failing_since":null,"error":"","permanent":false,"subjects":6,"seen_since":"2026-11-21T03:00:00Z"}');
CREATE TABLE subjects (
	"key" TEXT NOT NULL, 
	source TEXT NOT NULL, 
	data TEXT NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "subjects" VALUES('vyvx/1','vyvx','{"key":"vyvx/1","source":"vyvx","fields":{"state":"offline","ingress_state":"online"},"previous":{"state":"online"},"labels":{},"bookings":[],"notes":[],"asked_at":"2026-11-21T03:01:20Z","detailed_at":null,"answered_at":null,"since":"2026-11-21T03:01:20Z","vendor_time":null,"missed":0,"judged_until":"2026-11-21T03:00:00Z","told":[]}');
INSERT INTO "subjects" VALUES('vyvx/2','vyvx','{"key":"vyvx/2","source":"vyvx","fields":{"state":"offline","ingress_state":"online"},"previous":{"state":"degraded"},"labels":{},"bookings":[],"notes":[],"asked_at":"2026-11-21T03:13:20Z","detailed_at":null,"answered_at":null,"since":"2026-11-21T03:14:40Z","vendor_time":null,"missed":0,"judged_until":"2026-11-21T03:00:00Z","told":[]}');
INSERT INTO "subjects" VALUES('vyvx/3','vyvx','{"key":"vyvx/3","source":"vyvx","fields":{"state":"offline","ingress_state":"online"},"previous":{"state":"online"},"labels":{},"bookings":[],"notes":[],"asked_at":"2026-11-21T03:15:05Z","detailed_at":null,"answered_at":null,"since":"2026-11-21T03:15:05Z","vendor_time":null,"missed":0,"judged_until":"2026-11-21T03:00:00Z","told":[]}');
INSERT INTO "subjects" VALUES('vyvx/4','vyvx','{"key":"vyvx/4","source":"vyvx","fields":{"state":"offline","ingress_state":"online"},"previous":{"state":"online"},"labels":{},"bookings":[],"notes":[],"asked_at":"2026-11-21T03:00:20Z","detailed_at":null,"answered_at":null,"since":"2026-11-21T03:00:20Z","vendor_time":null,"missed":0,"judged_until":"2026-11-21T03:00:00Z","told":[{"rule":"vyvx-service-down","start":"2026-11-21T03:00:20Z","end":"2026-11-21T03:01:00Z","seen":true}]}');
INSERT INTO "subjects" VALUES('vyvx/5','vyvx','{"key":"vyvx/5","source":"vyvx","fields":{"state":"online","ingress_state":"online"},"previous":{"state":"offline"},"labels":{},"bookings":[],"notes":[],"asked_at":"2026-11-21T03:11:40Z","detailed_at":null,"answered_at":null,"since":"2026-11-21T03:14:30Z","vendor_time":null,"missed":0,"judged_until":"2026-11-21T03:00:00Z","told":[]}');
INSERT INTO "subjects" VALUES('vyvx/6','vyvx','{"key":"vyvx/6","source":"vyvx","fields":{"state":"impaired","ingress_state":"offline"},"previous":{"state":"online","ingress_state":"online"},"labels":{},"bookings":[],"notes":[],"asked_at":"2026-11-21T03:03:10Z","detailed_at":null,"answered_at":null,"since":"2026-11-21T03:08:40Z","vendor_time":null,"missed":0,"judged_until":"2026-11-21T03:00:00Z","told":[]}');
CREATE TABLE unserved (
	address TEXT NOT NULL, 
	told_at BIGINT NOT NULL, 
	PRIMARY KEY (address)
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
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('journal',24);
COMMIT;
