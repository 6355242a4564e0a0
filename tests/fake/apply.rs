//! Server-side apply with field managers, and merge patches with preconditions.

use crate::api::Status;
use crate::world::{Id, World, text};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

type Path = Vec<String>;

/// Leaves of an object; a list is one leaf.
fn leaves(v: &Value, at: &mut Path, out: &mut BTreeSet<Path>) {
    match v {
        Value::Object(m) if !m.is_empty() => {
            for (k, v) in m {
                at.push(k.clone());
                leaves(v, at, out);
                at.pop();
            }
        }
        _ => drop(out.insert(at.clone())),
    }
}

/// The fields that somebody can own.
pub fn fields(object: &Value) -> BTreeSet<Path> {
    let mut out = BTreeSet::new();
    leaves(object, &mut vec![], &mut out);
    out.retain(|p| {
        let p: Vec<&str> = p.iter().map(String::as_str).collect();
        !matches!(
            p.as_slice(),
            ["apiVersion" | "kind", ..]
                | ["metadata", "name" | "namespace" | "uid" | "resourceVersion" | "generation" | "creationTimestamp"]
        )
    });
    out
}

fn look<'a>(v: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(v, |v, k| v.get(k))
}

fn set(v: &mut Value, path: &[String], to: Value) {
    let Some((first, rest)) = path.split_first() else {
        *v = to;
        return;
    };
    if !v.is_object() {
        *v = Value::Object(Map::new());
    }
    set(&mut v[first.as_str()], rest, to);
}

fn unset(v: &mut Value, path: &[String]) {
    match path {
        [] => {}
        [last] => drop(v.as_object_mut().and_then(|m| m.shift_remove(last))),
        [first, rest @ ..] => {
            if let Some(inner) = v.get_mut(first) {
                unset(inner, rest);
            }
        }
    }
}

pub fn own(w: &mut World, object: &Value, manager: &str, operation: &str, paths: BTreeSet<Path>) {
    let uid = text(object, "/metadata/uid").to_string();
    w.owners.entry(uid).or_default().entry(format!("{manager}/{operation}")).or_default().extend(paths);
}

/// # Errors
/// 409 when another manager owns a field that would change.
pub fn apply(w: &mut World, id: &Id, body: &Value, manager: &str, dry_run: bool) -> Result<Value, Status> {
    let wanted = fields(body);
    let Some(now) = w.objects.get(id).cloned() else {
        crate::api::room(w, id)?;
        if dry_run {
            return Ok(body.clone());
        }
        let made = w.insert(id.clone(), body.clone());
        own(w, &made, manager, "Apply", wanted);
        w.wrote(format!("apply {id} (created)"));
        return Ok(made);
    };
    let uid = text(&now, "/metadata/uid").to_string();
    let me = format!("{manager}/Apply");
    let owners = w.owners.entry(uid).or_default().clone();
    let others = |p: &Path| owners.iter().filter(|(m, _)| **m != me).find(|(_, set)| set.contains(p)).map(|(m, _)| m.clone());
    for p in &wanted {
        if look(&now, p) != look(body, p)
            && let Some(other) = others(p)
        {
            return Err(Status::new(409, "Conflict", &format!("conflict with {other:?}: .{}", p.join("."))));
        }
    }
    let mut after = now.clone();
    for p in owners.get(&me).into_iter().flatten().filter(|p| !wanted.contains(*p)) {
        if others(p).is_none() {
            unset(&mut after, p);
        }
    }
    for p in &wanted {
        if let Some(v) = look(body, p) {
            set(&mut after, p, v.clone());
        }
    }
    if dry_run {
        return Ok(after);
    }
    w.owners.entry(text(&now, "/metadata/uid").into()).or_default().insert(me, wanted);
    if w.update(id, after) {
        w.wrote(format!("apply {id} (changed)"));
    }
    Ok(w.objects.get(id).cloned().unwrap_or_default())
}

/// RFC 7386.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(p) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    for (k, v) in p {
        if v.is_null() {
            target.as_object_mut().map(|m| m.shift_remove(k));
        } else {
            merge(&mut target[k.as_str()], v);
        }
    }
}

/// # Errors
/// 404 without the object, 409 when it is in another version than the patch names.
pub fn merge_patch(w: &mut World, id: &Id, patch: &Value, manager: &str) -> Result<Value, Status> {
    let Some(now) = w.objects.get(id).cloned() else { return Err(Status::not_found(id)) };
    let version = text(patch, "/metadata/resourceVersion");
    if !version.is_empty() && version != text(&now, "/metadata/resourceVersion") {
        return Err(Status::new(409, "Conflict", "the object has been modified; please apply your changes to the latest version"));
    }
    let mut after = now.clone();
    merge(&mut after, patch);
    own(w, &now, manager, "Update", fields(patch));
    if w.update(id, after) {
        w.wrote(format!("patch {id}"));
    }
    Ok(w.objects.get(id).cloned().unwrap_or_default())
}
