CREATE TABLE `wallet_stores` (
	`wallet_id` text NOT NULL,
	`store_id` text NOT NULL,
	PRIMARY KEY(`wallet_id`, `store_id`)
) WITHOUT ROWID;
--> statement-breakpoint
-- Of the stores there are, as they are configured now.
INSERT OR IGNORE INTO `wallet_stores` (`wallet_id`, `store_id`)
SELECT json_extract(`wallet`.`value`, '$.id'), `stores`.`id` FROM `stores`, json_each(`stores`.`config`, '$.wallets') AS `wallet`;
