CREATE TABLE `ledger_transactions` (
	`store_id` text NOT NULL,
	`at_ms` integer NOT NULL,
	`no` integer NOT NULL,
	`cause` text NOT NULL,
	`invoice_id` text,
	`body` text NOT NULL,
	`balances` text NOT NULL,
	PRIMARY KEY(`store_id`, `at_ms`, `no`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `ledger_by_cause` ON `ledger_transactions` (`store_id`,`cause`,`at_ms`,`no`) WHERE cause NOT IN ('payment_seen', 'payment_settled');