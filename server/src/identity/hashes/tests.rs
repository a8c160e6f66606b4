//! The hashes here were made by libxcrypt 4.4 (`crypt(3)`, by Perl), but where it says otherwise.

use super::*;

const PASSWORD: &str = "correct horse";
const OF_LIBXCRYPT: [&str; 4] = [
    "$2a$05$RollcallRollcallRolleuDtJAQMSTkt9Bi03RV2/0qL2YsviSJ7u",
    "$2b$05$RollcallRollcallRolleuDtJAQMSTkt9Bi03RV2/0qL2YsviSJ7u",
    "$2x$05$RollcallRollcallRolleuDtJAQMSTkt9Bi03RV2/0qL2YsviSJ7u",
    "$2y$05$RollcallRollcallRolleuDtJAQMSTkt9Bi03RV2/0qL2YsviSJ7u",
];
const COST: PasswordCost = PasswordCost::FOR_TESTS;

fn checked(password: &str, hash: &str) -> Checked {
    check(password, Some(hash), COST, None).unwrap()
}

#[test]
fn every_prefix_of_bcrypt_is_checked() {
    for hash in OF_LIBXCRYPT {
        assert!(KnownHash::parse(hash).is_ok(), "{hash}");
        assert_eq!(checked(PASSWORD, hash), Checked::RightByBcrypt, "{hash}");
        for wrong in ["correct horsf", "", "correct horse ", &"x".repeat(256)] {
            assert_eq!(checked(wrong, hash), Checked::Wrong, "{hash}");
        }
    }
}

#[test]
fn what_bcrypt_makes_of_long_passwords_and_other_letters() {
    let umlaut = "$2y$05$RollcallRollcallRolleueFIil9IqAcpH4DGSA.6yjyEXNa2XpVC";
    assert_eq!(checked("hühnerstall", umlaut), Checked::RightByBcrypt);
    // PHP before 5.3.7 and its like got letters beyond ASCII wrong; that is what `$2x$` says, and it is not imitated.
    let broken = "$2x$05$RollcallRollcallRolleuNvOb9mt39rt20uiVrahzw43whv5R/.O";
    assert_eq!(checked("hühnerstall", broken), Checked::Wrong);
    let long = "$2y$05$RollcallRollcallRolleuzy2Vajx/LPASp/zTmxC3bfb/L8ztBVy";
    assert_eq!(checked(&"long password ".repeat(8), long), Checked::RightByBcrypt);
    let cut = "long password ".repeat(8)[..72].to_owned();
    assert_eq!(
        checked(&cut, long),
        Checked::RightByBcrypt,
        "cut at 72 bytes by its maker"
    );
    assert_eq!(checked(&cut[..71], long), Checked::Wrong);
}

#[test]
fn what_is_not_taken_is_told_in_words() {
    let dear = OF_LIBXCRYPT[3].replace("$05$", "$16$");
    let cheap = OF_LIBXCRYPT[3].replace("$05$", "$03$");
    let huge = "$argon2id$v=19$m=4194304,t=2,p=1$ZGVjb3lkZWNveWRlY295$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let slow = huge.replace("m=4194304,t=2", "m=8,t=11");
    for (text, words) in [
        ("", "no hash that is known here"),
        (PASSWORD, "no hash that is known here"),
        ("5f4dcc3b5aa765d61d8327deb882cf99", "no hash that is known here"),
        ("$6$salt$hash", "no hash that is known here"),
        (
            "$2$05$RollcallRollcallRolleuDtJAQMSTkt9Bi03RV2/0qL2YsviSJ7u",
            "cannot be read",
        ),
        ("$2y$05$RollcallRollcallRolleuDtJAQMSTkt9", "cannot be read"),
        (
            "$2y$05$RollcallRollcallRolleuDtJAQMSTkt9Bi03RV2/0qL2YsviSJ7ü",
            "cannot be read",
        ),
        (
            "$2y$ab$RollcallRollcallRolleuDtJAQMSTkt9Bi03RV2/0qL2YsviSJ7u",
            "cannot be read",
        ),
        (&dear, "a bcrypt hash of cost 16 is not taken, 4 to 15 are"),
        (&cheap, "a bcrypt hash of cost 3 is not taken"),
        (huge, "an argon2id hash of 4194304 KiB and 2 passes is not taken"),
        (&slow, "an argon2id hash of 8 KiB and 11 passes is not taken"),
        ("$argon2id$v=19$m=8,t=1,p=1", "no hash that is known here"),
        (
            &slow.replace("t=11", "t=1").replace("argon2id", "argon2i"),
            "no hash that is known here",
        ),
        ("$argon2id$", "argon2 hash cannot be read"),
    ] {
        let refused = KnownHash::parse(text).unwrap_err().to_string();
        assert!(refused.contains(words), "{text}: {refused}");
    }
    // One that came into the database by another way is no reason to wait.
    assert!(check(PASSWORD, Some(&dear), COST, Some(16)).is_err());
    assert_eq!(format!("{:?}", KnownHash::parse(OF_LIBXCRYPT[0]).unwrap()), "[hash]");
}

#[test]
fn a_hash_of_another_rollcall_is_taken() {
    use argon2::password_hash::PasswordHasher as _;
    for cost in [PasswordCost::OWASP, COST] {
        let hash = cost.argon2().hash_password(PASSWORD.as_bytes()).unwrap().to_string();
        assert!(KnownHash::parse(&hash).is_ok(), "{hash}");
        assert_eq!(checked(PASSWORD, &hash), Checked::Right);
    }
}

#[test]
fn what_is_owed_makes_every_refusal_the_same_work() {
    let work = |cost: u32| 1_u64 << cost;
    for dearest in BCRYPT_COST_MIN..=BCRYPT_COST_MAX {
        assert_eq!(owed(None, Some(dearest)).map(work).sum::<u64>(), work(dearest));
        for done in BCRYPT_COST_MIN..=dearest {
            let all = work(done) + owed(Some(done), Some(dearest)).map(work).sum::<u64>();
            assert_eq!(all, work(dearest), "{done} of {dearest}");
        }
    }
    assert_eq!((owed(None, None).count(), owed(Some(5), None).count()), (0, 0));
}

/// The processor's time, which is what an attacker sees of it: a kind of account whose work is forgotten stands out by a factor of ten.
#[test]
fn a_refusal_takes_as_long_whatever_the_account_is() {
    use argon2::password_hash::PasswordHasher as _;
    let ours = COST.argon2().hash_password(PASSWORD.as_bytes()).unwrap().to_string();
    let dearest = bcrypt::hash_with_salt(PASSWORD, 9, [7; 16]).unwrap().to_string();
    let cheapest = bcrypt::hash_with_salt(PASSWORD, 4, [7; 16]).unwrap().to_string();
    let accounts = [
        None,
        Some(ours.as_str()),
        Some(dearest.as_str()),
        Some(cheapest.as_str()),
    ];
    // The least of a few: whatever else this machine does only adds.
    let least = accounts.map(|hash| {
        let times = (0..5).map(|_| {
            let began = worked();
            assert_eq!(check("wrong", hash, COST, Some(9)).unwrap(), Checked::Wrong);
            worked().checked_sub(began).unwrap()
        });
        times.min().unwrap()
    });
    let (shortest, longest) = (least.iter().min().unwrap(), least.iter().max().unwrap());
    assert!(*longest < *shortest * 4, "{least:?}");
}

/// Processor time that this thread has taken, which does not depend on what else the machine does.
fn worked() -> std::time::Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    std::time::Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap())
}
