/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The object model: GObject types under their user-visible names, and the tree of paths
 * (/machine, /objects, /chardevs ...) in which instances are found.
 *
 * GType names may hold letters, digits, '-', '_' and '+'. Where a user-visible name needs
 * another character ("pc-i440fx-7.2-machine") it is written '+' in the GType and translated by
 * object_type_name() and object_type_find(); nobody else needs to care.
 *
 * All functions need the BQL (or run before there are other threads).
 */
#pragma once

#include <glib-object.h>
#include <jansson.h>
#include <stdbool.h>

/*
 * Define <function>_get_type() for instances of struct @Type and class struct @TypeClass under the
 * user-visible @name, and register it before main(). The file supplies
 * `static void <function>_init(Type *self)` and
 * `static void <function>_class_init(TypeClass *klass)`.
 */
#define OBJECT_DEFINE_TYPE_FULL(Type, TypeClass, function, name, parent_type, flags)              \
    GType function##_get_type(void);                                                              \
    static void function##_init(Type *self);                                                      \
    static void function##_class_init(TypeClass *klass);                                          \
    static void function##_class_init_trampoline(void *klass, void *data)                         \
    {                                                                                             \
        function##_class_init(klass);                                                             \
    }                                                                                             \
    static void function##_init_trampoline(GTypeInstance *instance, void *klass)                  \
    {                                                                                             \
        function##_init((Type *)instance);                                                        \
    }                                                                                             \
    GType function##_get_type(void)                                                               \
    {                                                                                             \
        static gsize type;                                                                        \
        if (g_once_init_enter(&type)) {                                                           \
            gsize new_type = object_type_register(parent_type, name, sizeof(TypeClass),           \
                                                  function##_class_init_trampoline, sizeof(Type), \
                                                  function##_init_trampoline, flags);             \
            g_once_init_leave(&type, new_type);                                                   \
        }                                                                                         \
        return type;                                                                              \
    }                                                                                             \
    __attribute__((constructor)) static void function##_register(void)                            \
    {                                                                                             \
        function##_get_type();                                                                    \
    }                                                                                             \
    GType function##_get_type(void)

#define OBJECT_DEFINE_TYPE(Type, TypeClass, function, name, parent_type) \
    OBJECT_DEFINE_TYPE_FULL(Type, TypeClass, function, name, parent_type, 0)
#define OBJECT_DEFINE_ABSTRACT_TYPE(Type, TypeClass, function, name, parent_type) \
    OBJECT_DEFINE_TYPE_FULL(Type, TypeClass, function, name, parent_type, G_TYPE_FLAG_ABSTRACT)

GType object_type_register(GType parent, const char *name, size_t class_size,
                           GClassInitFunc class_init, size_t instance_size,
                           GInstanceInitFunc instance_init, GTypeFlags flags);

/* The type of the user-visible @name, or 0. */
GType object_type_find(const char *name);
/* The user-visible name. The string lives for ever. */
const char *object_type_name(GType type);
/* All registered types below @ancestor, sorted by name. */
GArray *object_types_below(GType ancestor, bool include_abstract);

/*
 * What `-object` and object-add can create: types that implement this interface. `complete`
 * is called once, after the properties were set.
 */
typedef struct UserCreatable UserCreatable;
typedef struct UserCreatableInterface {
    GTypeInterface parent;
    bool (*complete)(UserCreatable *object, GError **error);
    /* May the object be deleted now? NULL: yes. */
    bool (*can_be_deleted)(UserCreatable *object, GError **error);
    /*
     * The user has deleted the object: it stops doing what it does, though others may hold
     * references for a while. NULL: dispose does.
     */
    void (*deleted)(UserCreatable *object);
    /* May qom-set change @property of the complete object? NULL: yes. */
    bool (*may_set)(UserCreatable *object, GParamSpec *property);
} UserCreatableInterface;
GType user_creatable_get_type(void);
#define TYPE_USER_CREATABLE (user_creatable_get_type())
#define USER_CREATABLE(o)   (G_TYPE_CHECK_INSTANCE_CAST((o), TYPE_USER_CREATABLE, UserCreatable))

/* Is @id what users may call things: letters, digits, '-', '.', '_', beginning with a letter? */
bool object_id_is_well_formed(const char *id);

/* Create, set @properties (a JSON object without qom-type and id), complete, add to /objects. */
GObject *object_user_create(const char *type, const char *id, json_t *properties, GError **error);
bool object_user_delete(const char *id, GError **error);

/*
 * Set one property from a JSON value. Strings are parsed to the property's own type as on the
 * command line: on/off/yes/no/true/false, numbers with size suffixes (K M G T P E, powers of
 * 1024), enum nicknames. Errors name the type, the property and what was expected.
 */
bool object_set_json(GObject *object, const char *property, json_t *value, GError **error);
/* The property's value as JSON (new reference); NULL with an error when there is none. */
json_t *object_get_json(GObject *object, const char *property, GError **error);

/*
 * How users call a property. GObject turns '_' in names into '-'; the nick keeps what was written,
 * so a property with '_' in its name gets that name as nick too. Either is found.
 */
static inline const char *object_property_name(GParamSpec *spec)
{
    return g_param_spec_get_nick(spec);
}

/* How clients call the type of a property: "bool", "uint32", "str", "link<TYPE>", .. */
const char *object_property_type_name(const GParamSpec *spec);
/* The property's default as JSON (new reference); NULL when it has none that can be told. */
json_t *object_property_default(GParamSpec *spec);

/* ---- the tree ---- */

/*
 * Put @object at "@parent_path/@name" (the tree takes a reference). Intermediate containers
 * are made. Names with [*] get the first free index. Error: name taken.
 */
bool object_tree_add(const char *parent_path, const char *name, GObject *object, GError **error);
void object_tree_remove(GObject *object);
/* Absolute path, or the end of one (an id, "bus/device") when it is unambiguous. Borrowed. */
GObject *object_tree_find(const char *path);
/* The same among the objects of @type alone: others may bear the same id. */
GObject *object_tree_find_type(const char *path, GType type);
/* The canonical path, or NULL when not in the tree. Free with g_free(). */
char *object_tree_path(GObject *object);
/* Call @visit for each child (containers: object NULL) of @path; false when there is no such path.
 */
bool object_tree_foreach(const char *path,
                         void (*visit)(const char *name, GObject *object, void *opaque),
                         void *opaque);
