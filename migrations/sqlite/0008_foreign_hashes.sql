-- Hashes of passwords that another system made with bcrypt, by their cost (two digits behind `$2y$`): while there are any,
-- refused sign-ins take as long as the dearest of them. Each goes when its owner signs in; without them this is empty.
CREATE INDEX users_by_bcrypt_cost ON users (substr(password_hash, 5, 2)) WHERE substr(password_hash, 1, 2) = '$2';
