//! What lies over everything else: the faults, and why a cell is as it is.

use crossterm::event::{KeyCode, KeyEvent};

use crate::effect::Effect;
use crate::model::Model;
use crate::model::looking::{Fault, Popup};

/// Opens the list of faults.
pub(super) fn faults(model: &mut Model) {
    model.popup = Some(Popup::Faults);
}

/// The faults with their keys; lasting ones as they are now.
pub(crate) fn listed(model: &Model) -> [(char, &'static str, Fault); 7] {
    let on = model.faults;
    let reading = if on.not_reading {
        "read again"
    } else {
        "stop reading (a hanging client)"
    };
    let confirming = if on.not_confirming {
        "confirm again"
    } else {
        "stop confirming (no receipts)"
    };
    [
        ('1', "drop the link without a word", Fault::Cut),
        ('2', reading, Fault::Reading(on.not_reading)),
        ('3', confirming, Fault::Confirming(on.not_confirming)),
        ('4', "leave the room (still a participant)", Fault::Leave),
        ('5', "connect to a wrong path", Fault::WrongPath),
        ('6', "connect to a wrong namespace", Fault::WrongNamespace),
        ('7', "send a numeric id", Fault::NumericId),
    ]
}

pub(super) fn key(model: &mut Model, key: KeyEvent) -> Vec<Effect> {
    let popup = model.popup.take();
    if popup != Some(Popup::Faults) {
        return Vec::new();
    }
    let KeyCode::Char(pressed) = key.code else {
        return Vec::new();
    };
    let chosen = listed(model).into_iter().find(|(key, ..)| *key == pressed);
    chosen.map(|(_, _, fault)| make(model, fault)).into_iter().collect()
}

/// Makes something go wrong, or right again.
pub(super) fn make(model: &mut Model, fault: Fault) -> Effect {
    match fault {
        Fault::Reading(on) => model.faults.not_reading = !on,
        Fault::Confirming(on) => model.faults.not_confirming = !on,
        _ => {}
    }
    Effect::Fault(fault, model.open.clone())
}
