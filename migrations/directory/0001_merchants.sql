CREATE TABLE `merchants` (
	`id` text PRIMARY KEY NOT NULL,
	`shard` integer NOT NULL,
	`plan` text NOT NULL,
	`created_at_ms` integer NOT NULL
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `wallets` (
	`id` text PRIMARY KEY NOT NULL,
	`custody` text NOT NULL
) WITHOUT ROWID;
--> statement-breakpoint
-- Merchants of the stores there are, in the shard of their first one (SQLite takes bare columns from the row of the MIN), without fees.
INSERT INTO `merchants` (`id`, `shard`, `plan`, `created_at_ms`)
SELECT `merchant_id`, `shard`, '{"currency":"EUR","default":{"model":"fee","bps":0,"fixed":"\u0001n0","min":null,"max":null},"methods":{},"partner":null}', MIN(`created_at_ms`)
FROM `stores` GROUP BY `merchant_id`;
--> statement-breakpoint
-- Until now every wallet was the merchant's own.
INSERT INTO `wallets` (`id`, `custody`)
SELECT DISTINCT json_extract(`wallet`.`value`, '$.id'), 'self' FROM `stores`, json_each(`stores`.`config`, '$.wallets') AS `wallet`;
--> statement-breakpoint
UPDATE `stores` SET `config` = json_set(`config`, '$.methods', json((
	SELECT json_group_array(json_set(`method`.`value`, '$.custody', 'self')) FROM json_each(`stores`.`config`, '$.methods') AS `method`
)));
