-- An installation as version 0.1.0 of the first day left it: revision 0001, an admin (password "correct horse battery"),
-- a workflow with a secret, a deal that was closed twice, and its two deliveries, queued. The key file held:
-- dk3v0ZJKUsUGG4fh1HnFDDHXFLyNlSImCXtYEkr-5z4=
BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE api_token (
	id INTEGER NOT NULL, 
	user_id INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	token_hash VARCHAR NOT NULL, 
	hint VARCHAR NOT NULL, 
	created_at DATETIME NOT NULL, 
	last_used_at DATETIME, 
	PRIMARY KEY (id), 
	FOREIGN KEY(user_id) REFERENCES user (id)
);
CREATE TABLE attempt (
	id INTEGER NOT NULL, 
	delivery_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	outcome VARCHAR NOT NULL, 
	request_url TEXT NOT NULL, 
	request_headers JSON NOT NULL, 
	status_code INTEGER, 
	response_headers JSON NOT NULL, 
	response_body BLOB, 
	response_size INTEGER, 
	timing_ms JSON NOT NULL, 
	error_code VARCHAR, 
	error TEXT, 
	advice TEXT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(delivery_id) REFERENCES delivery (id)
);
CREATE TABLE audit_entry (
	id INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	user_id INTEGER, 
	"by" VARCHAR NOT NULL, 
	action VARCHAR NOT NULL, 
	subject_type VARCHAR NOT NULL, 
	subject_id VARCHAR NOT NULL, 
	subject VARCHAR NOT NULL, 
	details JSON NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "audit_entry" VALUES(1,'2026-11-24 23:20:32.654173',1,'Ann','created','user','1','Ann','{"role":"admin"}');
INSERT INTO "audit_entry" VALUES(2,'2026-11-24 23:20:32.740293',1,'Ann','created','workflow','1','Invoice closed deals','{}');
CREATE TABLE captured_value (
	id INTEGER NOT NULL, 
	delivery_id INTEGER NOT NULL, 
	attempt_number INTEGER NOT NULL, 
	path VARCHAR NOT NULL, 
	field VARCHAR NOT NULL, 
	outcome VARCHAR NOT NULL, 
	value JSON, 
	message VARCHAR NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(delivery_id) REFERENCES delivery (id)
);
CREATE TABLE change (
	id INTEGER NOT NULL, 
	record_id INTEGER NOT NULL, 
	module VARCHAR NOT NULL, 
	record_name VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	at DATETIME NOT NULL, 
	source VARCHAR NOT NULL, 
	user_id INTEGER, 
	"by" VARCHAR NOT NULL, 
	delivery_id INTEGER, 
	version INTEGER NOT NULL, 
	"values" JSON NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "change" VALUES(1,1,'organizations','Acme','create','2026-11-24 23:20:32.755979','person',1,'Ann',NULL,1,'{"name":[null,"Acme"],"account_id":[null,"A 1/2"],"owner":[null,1]}');
INSERT INTO "change" VALUES(2,2,'contacts','Löve','create','2026-11-24 23:20:32.786450','person',1,'Ann',NULL,1,'{"last_name":[null,"Löve"],"email":[null,"ada@example.com"],"organization":[null,1],"owner":[null,1]}');
INSERT INTO "change" VALUES(3,3,'deals','Big deal','create','2026-11-24 23:20:32.794193','person',1,'Ann',NULL,1,'{"name":[null,"Big deal"],"amount":[null,12500.50],"stage":[null,"New"],"contact":[null,2],"organization":[null,1],"owner":[null,1]}');
INSERT INTO "change" VALUES(4,3,'deals','Big deal','update','2026-11-24 23:20:32.816381','person',1,'Ann',NULL,2,'{"stage":["New","Closed Won"]}');
INSERT INTO "change" VALUES(5,3,'deals','Big deal','update','2026-11-24 23:20:32.866169','person',1,'Ann',NULL,3,'{"stage":["Closed Won","New"]}');
INSERT INTO "change" VALUES(6,3,'deals','Big deal','update','2026-11-24 23:20:32.879316','person',1,'Ann',NULL,4,'{"stage":["New","Closed Won"]}');
CREATE TABLE delivery (
	id INTEGER NOT NULL, 
	status VARCHAR NOT NULL, 
	version INTEGER NOT NULL, 
	workflow_id INTEGER, 
	workflow VARCHAR NOT NULL, 
	webhook_id INTEGER, 
	action VARCHAR NOT NULL, 
	module VARCHAR NOT NULL, 
	record_id INTEGER, 
	record_name VARCHAR NOT NULL, 
	method VARCHAR NOT NULL, 
	url TEXT NOT NULL, 
	host VARCHAR NOT NULL, 
	lane VARCHAR NOT NULL, 
	status_code INTEGER, 
	attempt_count INTEGER NOT NULL, 
	failure_count INTEGER NOT NULL, 
	duration_ms FLOAT, 
	error TEXT, 
	note TEXT, 
	created_at DATETIME NOT NULL, 
	next_attempt_at DATETIME, 
	finished_at DATETIME, 
	claimed_by VARCHAR, 
	claimed_at DATETIME, 
	test BOOLEAN NOT NULL, 
	redelivery_of INTEGER, 
	change_id INTEGER, 
	caused_by VARCHAR NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "delivery" VALUES(1,'queued',1,1,'Invoice closed deals',1,'Create invoice','deals',3,'Big deal','POST','https://api.example.com/accounts/A%201%2F2/invoices','api.example.com','https://api.example.com:443',NULL,0,0,NULL,NULL,NULL,'2026-11-24 23:20:32.826713',NULL,NULL,NULL,NULL,0,NULL,4,'Ann');
INSERT INTO "delivery" VALUES(2,'queued',1,1,'Invoice closed deals',1,'Create invoice','deals',3,'Big deal','POST','https://api.example.com/accounts/A%201%2F2/invoices','api.example.com','https://api.example.com:443',NULL,0,0,NULL,NULL,NULL,'2026-11-24 23:20:32.880610',NULL,NULL,NULL,NULL,0,NULL,6,'Ann');
CREATE TABLE delivery_request (
	delivery_id INTEGER NOT NULL, 
	headers JSON NOT NULL, 
	body BLOB, 
	origin VARCHAR NOT NULL, 
	definition JSON, 
	secrets TEXT, 
	PRIMARY KEY (delivery_id), 
	FOREIGN KEY(delivery_id) REFERENCES delivery (id)
);
INSERT INTO "delivery_request" VALUES(1,'[["Content-Type","application/json"],["X-Source","crm"]]',X'7B22696E766F696365223A7B226C696E6573223A5B7B22616D6F756E74223A31323530302E35307D5D7D2C22636F6E74616374223A7B22656D61696C223A22616461406578616D706C652E636F6D227D7D','https://api.example.com:443','null',NULL);
INSERT INTO "delivery_request" VALUES(2,'[["Content-Type","application/json"],["X-Source","crm"]]',X'7B22696E766F696365223A7B226C696E6573223A5B7B22616D6F756E74223A31323530302E35307D5D7D2C22636F6E74616374223A7B22656D61696C223A22616461406578616D706C652E636F6D227D7D','https://api.example.com:443','null',NULL);
CREATE TABLE endpoint (
	lane VARCHAR NOT NULL, 
	failures_in_a_row INTEGER NOT NULL, 
	state VARCHAR NOT NULL, 
	opened_at DATETIME, 
	next_probe_at DATETIME, 
	last_success_at DATETIME, 
	last_error TEXT, 
	PRIMARY KEY (lane)
);
CREATE TABLE inspected_request (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name VARCHAR NOT NULL, 
	at DATETIME NOT NULL, 
	method VARCHAR NOT NULL, 
	path TEXT NOT NULL, 
	"query" TEXT NOT NULL, 
	headers JSON NOT NULL, 
	body BLOB NOT NULL, 
	size INTEGER NOT NULL, 
	remote VARCHAR NOT NULL, 
	protocol VARCHAR NOT NULL, 
	answer_status INTEGER NOT NULL, 
	note VARCHAR NOT NULL
);
CREATE TABLE inspector_script (
	name VARCHAR NOT NULL, 
	steps JSON NOT NULL, 
	answered INTEGER NOT NULL, 
	updated_at DATETIME NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE link (
	record_id INTEGER NOT NULL, 
	field VARCHAR NOT NULL, 
	target_id INTEGER NOT NULL, 
	PRIMARY KEY (record_id, field), 
	FOREIGN KEY(record_id) REFERENCES record (id), 
	FOREIGN KEY(target_id) REFERENCES record (id)
);
INSERT INTO "link" VALUES(2,'organization',1);
INSERT INTO "link" VALUES(3,'contact',2);
INSERT INTO "link" VALUES(3,'organization',1);
CREATE TABLE module (
	id INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	label VARCHAR NOT NULL, 
	singular VARCHAR NOT NULL, 
	icon VARCHAR NOT NULL, 
	position INTEGER NOT NULL, 
	name_fields JSON NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (name)
);
INSERT INTO "module" VALUES(1,'organizations','Organizations','Organization','building',0,'["name"]');
INSERT INTO "module" VALUES(2,'contacts','Contacts','Contact','person',1,'["first_name","last_name"]');
INSERT INTO "module" VALUES(3,'leads','Leads','Lead','funnel',2,'["first_name","last_name"]');
INSERT INTO "module" VALUES(4,'deals','Deals','Deal','currency-dollar',3,'["name"]');
INSERT INTO "module" VALUES(5,'cases','Cases','Case','life-preserver',4,'["title"]');
INSERT INTO "module" VALUES(6,'invoices','Invoices','Invoice','receipt',5,'["number"]');
INSERT INTO "module" VALUES(7,'tasks','Tasks','Task','check2-square',6,'["subject"]');
CREATE TABLE module_field (
	id INTEGER NOT NULL, 
	module VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	label VARCHAR NOT NULL, 
	type VARCHAR NOT NULL, 
	required BOOLEAN NOT NULL, 
	custom BOOLEAN NOT NULL, 
	in_list BOOLEAN NOT NULL, 
	position INTEGER NOT NULL, 
	options JSON NOT NULL, 
	target VARCHAR, 
	"default" JSON, 
	PRIMARY KEY (id), 
	FOREIGN KEY(module) REFERENCES module (name), 
	UNIQUE (module, name)
);
INSERT INTO "module_field" VALUES(1,'organizations','name','Name','text',1,0,0,0,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(2,'organizations','website','Website','url',0,0,1,1,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(3,'organizations','phone','Phone','phone',0,0,1,2,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(4,'organizations','email','E-mail','email',0,0,0,3,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(5,'organizations','industry','Industry','picklist',0,0,1,4,'["Agriculture","Construction","Education","Finance","Government","Health","Hospitality","Manufacturing","Media","Retail","Software","Transport","Other"]',NULL,'null');
INSERT INTO "module_field" VALUES(6,'organizations','employees','Employees','number',0,0,0,5,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(7,'organizations','account_id','Account ID','text',0,0,0,6,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(8,'organizations','street','Street','text',0,0,0,7,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(9,'organizations','postal_code','Postal code','text',0,0,0,8,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(10,'organizations','city','City','text',0,0,1,9,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(11,'organizations','country','Country','text',0,0,0,10,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(12,'organizations','owner','Owner','user',0,0,1,11,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(13,'organizations','description','Description','long_text',0,0,0,12,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(14,'contacts','first_name','First name','text',0,0,0,0,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(15,'contacts','last_name','Last name','text',1,0,0,1,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(16,'contacts','email','E-mail','email',0,0,1,2,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(17,'contacts','phone','Phone','phone',0,0,1,3,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(18,'contacts','mobile','Mobile','phone',0,0,0,4,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(19,'contacts','title','Title','text',0,0,1,5,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(20,'contacts','organization','Organization','reference',0,0,1,6,'[]','organizations','null');
INSERT INTO "module_field" VALUES(21,'contacts','birthday','Birthday','date',0,0,0,7,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(22,'contacts','interests','Interests','multi_picklist',0,0,0,8,'["Newsletter","Events","Training","Support","Beta tests"]',NULL,'null');
INSERT INTO "module_field" VALUES(23,'contacts','do_not_call','Do not call','checkbox',0,0,0,9,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(24,'contacts','street','Street','text',0,0,0,10,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(25,'contacts','postal_code','Postal code','text',0,0,0,11,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(26,'contacts','city','City','text',0,0,0,12,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(27,'contacts','country','Country','text',0,0,0,13,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(28,'contacts','owner','Owner','user',0,0,1,14,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(29,'contacts','description','Description','long_text',0,0,0,15,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(30,'leads','first_name','First name','text',0,0,0,0,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(31,'leads','last_name','Last name','text',1,0,0,1,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(32,'leads','company','Company','text',0,0,1,2,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(33,'leads','email','E-mail','email',0,0,1,3,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(34,'leads','phone','Phone','phone',0,0,0,4,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(35,'leads','status','Status','picklist',0,0,1,5,'["New","Contacted","Qualified","Unqualified","Converted"]',NULL,'"New"');
INSERT INTO "module_field" VALUES(36,'leads','source','Source','picklist',0,0,1,6,'["Web","Referral","Event","Campaign","Cold call","Other"]',NULL,'null');
INSERT INTO "module_field" VALUES(37,'leads','contact','Contact','reference',0,0,0,7,'[]','contacts','null');
INSERT INTO "module_field" VALUES(38,'leads','owner','Owner','user',0,0,1,8,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(39,'leads','description','Description','long_text',0,0,0,9,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(40,'deals','name','Name','text',1,0,0,0,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(41,'deals','amount','Amount','currency',0,0,1,1,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(42,'deals','stage','Stage','picklist',0,0,1,2,'["New","Qualifying","Proposal","Negotiation","Closed Won","Closed Lost"]',NULL,'"New"');
INSERT INTO "module_field" VALUES(43,'deals','probability','Probability (%)','number',0,0,0,3,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(44,'deals','close_date','Close date','date',0,0,1,4,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(45,'deals','contact','Contact','reference',0,0,1,5,'[]','contacts','null');
INSERT INTO "module_field" VALUES(46,'deals','organization','Organization','reference',0,0,1,6,'[]','organizations','null');
INSERT INTO "module_field" VALUES(47,'deals','next_step','Next step','text',0,0,0,7,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(48,'deals','invoice_id','Invoice ID','text',0,0,0,8,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(49,'deals','invoice_error','Invoice error','text',0,0,0,9,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(50,'deals','owner','Owner','user',0,0,1,10,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(51,'deals','description','Description','long_text',0,0,0,11,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(52,'cases','title','Title','text',1,0,0,0,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(53,'cases','status','Status','picklist',0,0,1,1,'["Open","In progress","Waiting","Resolved","Closed"]',NULL,'"Open"');
INSERT INTO "module_field" VALUES(54,'cases','priority','Priority','picklist',0,0,1,2,'["Low","Normal","High","Urgent"]',NULL,'"Normal"');
INSERT INTO "module_field" VALUES(55,'cases','contact','Contact','reference',0,0,1,3,'[]','contacts','null');
INSERT INTO "module_field" VALUES(56,'cases','organization','Organization','reference',0,0,0,4,'[]','organizations','null');
INSERT INTO "module_field" VALUES(57,'cases','due_at','Due','datetime',0,0,1,5,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(58,'cases','owner','Owner','user',0,0,1,6,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(59,'cases','description','Description','long_text',0,0,0,7,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(60,'invoices','number','Number','text',1,0,0,0,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(61,'invoices','amount','Amount','currency',0,0,1,1,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(62,'invoices','status','Status','picklist',0,0,1,2,'["Draft","Sent","Paid","Overdue","Cancelled"]',NULL,'"Draft"');
INSERT INTO "module_field" VALUES(63,'invoices','due_date','Due date','date',0,0,1,3,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(64,'invoices','contact','Contact','reference',0,0,1,4,'[]','contacts','null');
INSERT INTO "module_field" VALUES(65,'invoices','deal','Deal','reference',0,0,0,5,'[]','deals','null');
INSERT INTO "module_field" VALUES(66,'invoices','organization','Organization','reference',0,0,1,6,'[]','organizations','null');
INSERT INTO "module_field" VALUES(67,'invoices','owner','Owner','user',0,0,1,7,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(68,'invoices','description','Description','long_text',0,0,0,8,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(69,'tasks','subject','Subject','text',1,0,0,0,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(70,'tasks','status','Status','picklist',0,0,1,1,'["Not started","In progress","Waiting","Done"]',NULL,'"Not started"');
INSERT INTO "module_field" VALUES(71,'tasks','priority','Priority','picklist',0,0,0,2,'["Low","Normal","High"]',NULL,'"Normal"');
INSERT INTO "module_field" VALUES(72,'tasks','due_date','Due date','date',0,0,1,3,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(73,'tasks','contact','Contact','reference',0,0,1,4,'[]','contacts','null');
INSERT INTO "module_field" VALUES(74,'tasks','deal','Deal','reference',0,0,1,5,'[]','deals','null');
INSERT INTO "module_field" VALUES(75,'tasks','owner','Owner','user',0,0,1,6,'[]',NULL,'null');
INSERT INTO "module_field" VALUES(76,'tasks','description','Description','long_text',0,0,0,7,'[]',NULL,'null');
CREATE TABLE notification (
	id INTEGER NOT NULL, 
	user_id INTEGER NOT NULL, 
	"key" VARCHAR NOT NULL, 
	count INTEGER NOT NULL, 
	title VARCHAR NOT NULL, 
	text TEXT NOT NULL, 
	url VARCHAR NOT NULL, 
	at DATETIME NOT NULL, 
	read_at DATETIME, 
	PRIMARY KEY (id), 
	FOREIGN KEY(user_id) REFERENCES user (id)
);
CREATE TABLE outgoing_mail (
	id INTEGER NOT NULL, 
	"to" VARCHAR NOT NULL, 
	subject VARCHAR NOT NULL, 
	text TEXT NOT NULL, 
	"key" VARCHAR NOT NULL, 
	count INTEGER NOT NULL, 
	status VARCHAR NOT NULL, 
	attempt_count INTEGER NOT NULL, 
	error TEXT, 
	created_at DATETIME NOT NULL, 
	next_attempt_at DATETIME, 
	sent_at DATETIME, 
	PRIMARY KEY (id)
);
CREATE TABLE record (
	id INTEGER NOT NULL, 
	module VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	owner_id INTEGER, 
	version INTEGER NOT NULL, 
	"values" JSON NOT NULL, 
	search_text TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(module) REFERENCES module (name), 
	FOREIGN KEY(owner_id) REFERENCES user (id)
);
INSERT INTO "record" VALUES(1,'organizations','Acme',1,1,'{"name":"Acme","website":null,"phone":null,"email":null,"industry":null,"employees":null,"account_id":"A 1/2","street":null,"postal_code":null,"city":null,"country":null,"owner":1,"description":null}','acme a 1/2','2026-11-24 23:20:32.755979','2026-11-24 23:20:32.755979');
INSERT INTO "record" VALUES(2,'contacts','Löve',1,1,'{"first_name":null,"last_name":"Löve","email":"ada@example.com","phone":null,"mobile":null,"title":null,"organization":1,"birthday":null,"interests":[],"do_not_call":false,"street":null,"postal_code":null,"city":null,"country":null,"owner":1,"description":null}','löve ada@example.com','2026-11-24 23:20:32.786450','2026-11-24 23:20:32.786450');
INSERT INTO "record" VALUES(3,'deals','Big deal',1,4,'{"name":"Big deal","amount":12500.50,"stage":"Closed Won","probability":null,"close_date":null,"contact":2,"organization":1,"next_step":null,"invoice_id":null,"invoice_error":null,"owner":1,"description":null}','big deal 12500.50 closed won','2026-11-24 23:20:32.794193','2026-11-24 23:20:32.879316');
CREATE TABLE revision (
	name VARCHAR(40) NOT NULL, 
	value INTEGER NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "revision" VALUES('fields',1);
INSERT INTO "revision" VALUES('workflows',1);
CREATE TABLE stored_setting (
	"key" VARCHAR NOT NULL, 
	value JSON, 
	PRIMARY KEY ("key")
);
CREATE TABLE user (
	id INTEGER NOT NULL, 
	email VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	password_hash VARCHAR NOT NULL, 
	role VARCHAR NOT NULL, 
	active BOOLEAN NOT NULL, 
	time_zone VARCHAR NOT NULL, 
	theme VARCHAR NOT NULL, 
	session_salt VARCHAR NOT NULL, 
	created_at DATETIME NOT NULL, 
	last_login_at DATETIME, 
	PRIMARY KEY (id)
);
INSERT INTO "user" VALUES(1,'ann@example.com','Ann','$argon2id$v=19$m=65536,t=3,p=4$0kwU3898TVU4CpEZ9q4jCg$pHfyHhtRY0gXBWn/Rumvqvp7GF2C9jkscLaFmT5U0MQ','admin',1,'Europe/Prague','auto','819a5cd20e20cc68770be5cdb442749e','2026-11-24 23:20:32.646259',NULL);
CREATE TABLE worker_process (
	id VARCHAR NOT NULL, 
	host VARCHAR NOT NULL, 
	pid INTEGER NOT NULL, 
	started_at DATETIME NOT NULL, 
	seen_at DATETIME NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE workflow (
	id INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	description TEXT NOT NULL, 
	module VARCHAR NOT NULL, 
	active BOOLEAN NOT NULL, 
	related_modules JSON NOT NULL, 
	"trigger" JSON NOT NULL, 
	criteria JSON NOT NULL, 
	version INTEGER NOT NULL, 
	created_by INTEGER, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	last_run_at DATETIME, 
	deleted_at DATETIME, 
	PRIMARY KEY (id)
);
INSERT INTO "workflow" VALUES(1,'Invoice closed deals','','deals',1,'["contacts","tasks"]','{"on":"create_or_update","recurrence":"every_time"}','{"all":[{"field":"stage","operator":"has_changed_to","value":"Closed Won"}],"any":[]}',1,1,'2026-11-24 23:20:32.720643','2026-11-24 23:20:32.720656','2026-11-24 23:20:32.879316',NULL);
CREATE TABLE workflow_first_met (
	workflow_id INTEGER NOT NULL, 
	record_id INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	PRIMARY KEY (workflow_id, record_id), 
	FOREIGN KEY(workflow_id) REFERENCES workflow (id)
);
CREATE TABLE workflow_webhook (
	id INTEGER NOT NULL, 
	workflow_id INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	title VARCHAR NOT NULL, 
	definition JSON NOT NULL, 
	secrets TEXT, 
	previous_signing_until DATETIME, 
	deleted_at DATETIME, 
	PRIMARY KEY (id), 
	FOREIGN KEY(workflow_id) REFERENCES workflow (id)
);
INSERT INTO "workflow_webhook" VALUES(1,1,0,'Create invoice','{"type":"webhook","title":"Create invoice","description":"","url":"https://api.example.com/accounts/{{ organization.account_id }}/invoices","method":"POST","content_type":"JSON","authorization":{"type":"basic","username":"u","password":null},"headers":[{"name":"X-Source","value":"crm"}],"parameters":[{"name":"invoice.lines.0.amount","value":"{{ amount }}","type":"auto","required":true,"omit_empty":false}],"related":[{"module":"contacts","key":"contact","parameters":[{"name":"email","value":"{{ email }}","type":"auto","required":false,"omit_empty":false}]}],"capture":{"type":"JSONPATH","on_success":[{"path":"$.invoice.id","field":"invoice_id"}],"on_failure":[{"path":"$.error.message","field":"invoice_error"}]},"timeout_s":10,"xml_root":"root","signing":false,"drop_stale_retries":false,"success_if":null,"rate_limit_per_s":null,"follow_redirects":false}','gAAAAABrBhvAw55lVUfMNyKDnwaPnawIXwe6e0GWkQTupinsqW9udNVFgdlP9f89WzzlzCGEuC1gwBArF_aEvzjgvKGDjeEp5jSn_pvoWjgPhe5GNYxgY1o=',NULL,NULL);
CREATE INDEX ix_audit_entry_at ON audit_entry (at);
CREATE INDEX ix_change_at ON change (at);
CREATE INDEX ix_change_module ON change (module, id);
CREATE INDEX ix_change_record ON change (record_id, id);
CREATE INDEX ix_delivery_created_at ON delivery (created_at);
CREATE INDEX ix_delivery_due ON delivery (status, next_attempt_at, id);
CREATE INDEX ix_delivery_host ON delivery (host, id);
CREATE INDEX ix_delivery_lane ON delivery (lane, status, next_attempt_at, id);
CREATE INDEX ix_delivery_record ON delivery (record_id, id);
CREATE INDEX ix_delivery_redelivery_of ON delivery (redelivery_of);
CREATE INDEX ix_delivery_status_code ON delivery (status_code, id);
CREATE INDEX ix_delivery_status_id ON delivery (status, id);
CREATE INDEX ix_delivery_webhook_record ON delivery (webhook_id, record_id, id);
CREATE INDEX ix_delivery_workflow ON delivery (workflow_id, id);
CREATE INDEX ix_inspected_request_name ON inspected_request (name, id);
CREATE INDEX ix_outgoing_mail_key ON outgoing_mail ("key");
CREATE INDEX ix_outgoing_mail_status ON outgoing_mail (status);
CREATE UNIQUE INDEX ix_user_email ON user (email);
CREATE INDEX ix_workflow_module ON workflow (module);
CREATE UNIQUE INDEX ix_api_token_token_hash ON api_token (token_hash);
CREATE INDEX ix_api_token_user_id ON api_token (user_id);
CREATE UNIQUE INDEX ix_attempt_delivery ON attempt (delivery_id, number);
CREATE INDEX ix_captured_value_delivery_id ON captured_value (delivery_id);
CREATE INDEX ix_module_field_module ON module_field (module);
CREATE INDEX ix_notification_user ON notification (user_id, read_at, id);
CREATE INDEX ix_record_module_name ON record (module, name, id);
CREATE INDEX ix_record_module_owner ON record (module, owner_id);
CREATE INDEX ix_record_module_updated ON record (module, updated_at, id);
CREATE INDEX ix_workflow_webhook_workflow_id ON workflow_webhook (workflow_id);
CREATE INDEX ix_link_target ON link (target_id, field, record_id);
DELETE FROM "sqlite_sequence";
COMMIT;
